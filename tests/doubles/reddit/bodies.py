"""The JSON of a small Reddit: every field that Reddit itself sends, with the types that Reddit gives them.

The names of the fields are those of recorded answers; `tests/adapters/reddit/test_recordings.py` holds them to it.
"""

from __future__ import annotations

from typing import Any

BOT = "thebot"


def _fields(nothing: str, false: str, true: str, zero: str, lists: str, **more: Any) -> dict[str, Any]:
    kinds: tuple[tuple[str, Any], ...] = ((nothing, None), (false, False), (true, True), (zero, 0))
    plain: dict[str, Any] = {name: value for names, value in kinds for name in names.split()}
    return {**plain, **{name: [] for name in lists.split()}, **more}


_AUTHORED = "author_flair_background_color author_flair_css_class author_flair_template_id author_flair_text "
_MODERATED = "approved_at_utc approved_by banned_at_utc banned_by mod_note mod_reason_by mod_reason_title "
_LISTS = "all_awardings author_flair_richtext awarders mod_reports report_reasons treatment_tags user_reports"
COMMENT = _fields(
    _AUTHORED + _MODERATED + "associated_award author_flair_text_color collapsed_because_crowd_control distinguished "
    "removal_reason top_awarded_type collapsed_reason",
    "approved archived author_patreon_flair author_premium can_gild edited ignore_reports locked no_follow removed "
    "saved score_hidden spam stickied collapsed can_mod_post",
    "is_submitter likes send_replies",
    "controversiality downs gilded num_reports total_awards_received",
    _LISTS,
    gildings={},
    replies="",
    author_flair_type="text",
    rte_mode="markdown",
    subreddit_type="public",
    score=1,
    ups=1,
)
POST = _fields(
    _AUTHORED + _MODERATED + "author_flair_text_color category content_categories discussion_type distinguished media "
    "link_flair_css_class link_flair_text parent_whitelist_status pwls removal_reason removed_by removed_by_category "
    "secure_media selftext_html top_awarded_type view_count whitelist_status wls suggested_sort thumbnail_height "
    "thumbnail_width",
    "allow_live_comments approved archived author_is_blocked author_patreon_flair author_premium can_gild clicked "
    "contest_mode edited hidden hide_score ignore_reports is_created_from_ads_ui is_meta is_original_content is_self "
    "is_video locked media_only no_follow over_18 pinned quarantine removed saved spam spoiler stickied visited "
    "can_mod_post",
    "is_crosspostable is_reddit_media_domain is_robot_indexable likes send_replies",
    "downs gilded num_comments num_crossposts num_duplicates num_reports total_awards_received",
    _LISTS + " link_flair_richtext",
    gildings={},
    media_embed={},
    secure_media_embed={},
    link_flair_background_color="",
    link_flair_text_color="dark",
    link_flair_type="text",
    author_flair_type="text",
    rte_mode="markdown",
    subreddit_type="public",
    subreddit_subscribers=7,
    thumbnail="self",
    selftext="",
    score=1,
    ups=1,
    upvote_ratio=1.0,
)
INBOX = _fields(
    "associated_awarding_id first_message first_message_name likes distinguished", "", "new", "score", "", replies=""
)


def comment(number: str, author: str, subreddit: str, body: str, parent: str, link: str, now: float) -> dict[str, Any]:
    """A comment in a thread."""
    return {
        **COMMENT,
        **_said(number, author, body, now),
        **_in(subreddit),
        "name": f"t1_{number}",
        "parent_id": parent,
        "link_id": link,
        "permalink": f"/r/{subreddit}/comments/{link[3:]}/_/{number}/",
    }


def post(number: str, author: str, subreddit: str, title: str, now: float, **more: Any) -> dict[str, Any]:
    """A post."""
    path = f"/r/{subreddit}/comments/{number}/_/"
    url = f"https://www.reddit.com{path}"
    return {
        **POST,
        **_who(author),
        **_in(subreddit),
        "id": number,
        "name": f"t3_{number}",
        "title": title,
        "created": now,
        "created_utc": now,
        "permalink": path,
        "url": url,
        "url_overridden_by_dest": url,
        "domain": f"self.{subreddit}",
        **more,
    }


def pictured(address: str) -> dict[str, Any]:
    """What a post with a picture has besides."""
    source = {"url": address, "width": 64, "height": 64}
    shown = {"images": [{"source": source, "resolutions": [], "variants": {}, "id": "p"}], "enabled": True}
    return {
        "url": address, "url_overridden_by_dest": address, "domain": "i.redd.it", "post_hint": "image",
        "preview": shown, "thumbnail": "image", "thumbnail_height": 70, "thumbnail_width": 70,
    }  # fmt: skip


def gallery(addresses: dict[str, str], captions: list[str]) -> dict[str, Any]:
    """What a post with several pictures has besides."""
    items = [{"media_id": name, "id": at, "caption": captions[at]} for at, name in enumerate(addresses)]
    shown = {
        name: {
            "status": "valid",
            "e": "Image",
            "m": "image/png",
            "p": [],
            "s": {"x": 64, "y": 64, "u": url},
            "id": name,
        }
        for name, url in addresses.items()
    }
    return {"is_gallery": True, "gallery_data": {"items": items}, "media_metadata": shown}


def in_inbox(said: dict[str, Any], kind: str, title: str) -> dict[str, Any]:
    """A comment as the inbox of the person it concerns shows it."""
    kept = {
        name: said[name] for name in said if name in {*INBOX, "author", "author_fullname", "body", "body_html", "id"}
    }
    names = ("name", "parent_id", "subreddit", "subreddit_name_prefixed", "created", "created_utc", "score")
    return {
        **INBOX,
        **kept,
        **{name: said[name] for name in names},
        "context": f"{said['permalink']}?context=3",
        "dest": BOT,
        "link_title": title,
        "num_comments": 1,
        "subject": kind.replace("_", " "),
        "type": kind,
        "was_comment": True,
        "replies": "",
        "new": True,
    }


def message(
    number: str,
    author: str | None,
    body: str,
    now: float,
    *,
    dest: str = BOT,
    subject: str,
    subreddit: str | None = None,
) -> dict[str, Any]:
    """A private message."""
    return {
        **INBOX,
        **_said(number, author, body, now),
        "name": f"t4_{number}",
        "context": "",
        "dest": dest,
        "num_comments": None,
        "parent_id": None,
        "subject": subject,
        "subreddit": subreddit,
        "subreddit_name_prefixed": f"r/{subreddit}" if subreddit else None,
        "type": "unknown",
        "was_comment": False,
    }


def listing(children: list[dict[str, Any]], after: str | None = None) -> dict[str, Any]:
    """A page of things."""
    kinds = [{"kind": each["name"][:2], "data": each} for each in children]
    plain = {"dist": len(kinds), "modhash": None, "geo_filter": "", "before": None}
    return {"kind": "Listing", "data": {"after": after, "children": kinds, **plain}}


def refused(*errors: tuple[str, str, str]) -> dict[str, Any]:
    """The answer that carries errors."""
    return {"json": {"errors": [list(each) for each in errors]}}


def lease(number: str, name: str, mime: str, bucket: str, socket: str) -> dict[str, Any]:
    """The permission to upload a picture."""
    fields = {
        "acl": "private", "key": number, "bucket": "reddit-uploaded-media", "success_action_status": "201",
        "Content-Type": mime, "policy": "none",
    }  # fmt: skip
    return {
        "args": {"action": f"//{bucket}", "fields": [{"name": each, "value": value} for each, value in fields.items()]},
        "asset": {
            "asset_id": number,
            "processing_state": "incomplete",
            "payload": {"filepath": name},
            "websocket_url": socket,
        },
    }


def _who(author: str | None) -> dict[str, Any]:
    return {"author": author, "author_fullname": f"t2_{author.lower()}" if author else None}


def _said(number: str, author: str | None, body: str, now: float) -> dict[str, Any]:
    shown = f'<div class="md"><p>{body}</p>\n</div>'
    return {**_who(author), "id": number, "body": body, "body_html": shown, "created": now, "created_utc": now}


def _in(subreddit: str) -> dict[str, Any]:
    return {
        "subreddit": subreddit,
        "subreddit_id": f"t5_{subreddit.lower()}",
        "subreddit_name_prefixed": f"r/{subreddit}",
    }
