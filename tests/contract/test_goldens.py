"""Our models against the public API's own description: nothing is missing, every bound is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.contract import generate, keys, operations, people, problems, status, teams, work, workers
from core.contract.base import Answer, Ask, Wire
from core.contract.codes import Rc

ANSWERS: dict[str, type[Answer]] = {
    "_v2_generate_async_post_200": generate.DryRunResponse,
    "_v2_generate_async_post_202": generate.AsyncResponse,
    "_v2_generate_check_id_get_200": generate.CheckResponse,
    "_v2_generate_status_id_get_200": generate.StatusResponse,
    "_v2_generate_status_id_delete_200": generate.StatusResponse,
    "_v2_generate_pop_post_200": work.PopResponse,
    "_v2_generate_submit_post_200": work.SubmitResponse,
    "_v2_find_user_get_200": people.UserDetails,
    "_v2_users_get_200": people.UserDetails,
    "_v2_users_user_id_get_200": people.UserDetails,
    "_v2_users_user_id_put_200": people.UserUpdated,
    "_v2_kudos_transfer_post_200": people.KudosTransferred,
    "_v2_kudos_award_post_200": people.KudosAwarded,
    "_v2_workers_get_200": workers.WorkerDetails,
    "_v2_workers_name_worker_name_get_200": workers.WorkerDetails,
    "_v2_workers_worker_id_get_200": workers.WorkerDetails,
    "_v2_workers_worker_id_put_200": workers.WorkerUpdated,
    "_v2_workers_worker_id_delete_200": workers.WorkerDeleted,
    "_v2_status_heartbeat_get_200": status.Heartbeat,
    "_v2_status_performance_get_200": status.Performance,
    "_v2_status_models_get_200": status.ModelStatus,
    "_v2_status_models_model_name_get_200": status.ModelStatus,
    "_v2_status_modes_get_200": status.Modes,
    "_v2_status_modes_put_200": status.Modes,
    "_v2_status_news_get_200": status.News,
    "_v2_stats_img_totals_get_200": status.ImageTotals,
    "_v2_stats_img_models_get_200": status.ModelTotals,
    "_v2_stats_text_totals_get_200": status.TextTotals,
    "_v2_stats_text_models_get_200": status.ModelTotals,
    "_v2_sharedkeys_put_200": keys.SharedKeyDetails,
    "_v2_sharedkeys_sharedkey_id_get_200": keys.SharedKeyDetails,
    "_v2_users_user_id_delete_200": keys.Done,
    "_v2_filters_put_201": operations.FilterDetails,
}
ASKS: dict[str, type[Ask]] = {
    "_v2_generate_async_post": generate.GenerateRequest,
    "_v2_generate_pop_post": work.PopRequest,
    "_v2_generate_submit_post": work.SubmitRequest,
    "_v2_kudos_transfer_post": people.KudosTransfer,
    "_v2_kudos_award_post": people.KudosAward,
    "_v2_users_user_id_put": people.UserUpdate,
    "_v2_workers_worker_id_put": workers.WorkerUpdate,
    "_v2_status_modes_put": status.ModesUpdate,
}
OBJECTS: dict[str, type[Wire]] = {
    "GenerationInputStable": generate.GenerateRequest,
    "ModelGenerationInputStable": generate.GenerationParams,
    "ModelPayloadLorasStable": generate.Lora,
    "ModelPayloadTextualInversionsStable": generate.TextualInversion,
    "ExtraText": generate.ExtraText,
    "ExtraSourceImage": generate.ExtraSourceImage,
    "RequestAsync": generate.AsyncResponse,
    "RequestSingleWarning": generate.RequestWarning,
    "RequestStatusCheck": generate.CheckResponse,
    "RequestStatusStable": generate.StatusResponse,
    "GenerationStable": generate.Generation,
    "GenerationMetadataStable": work.SubmittedMetadata,
    "PopInputStable": work.PopRequest,
    "GenerationPayloadStable": work.PopResponse,
    "ModelPayloadStable": work.JobPayload,
    "ResponseModelMessagePop": work.PopMessage,
    "NoValidRequestFoundStable": work.Skipped,
    "SubmitInputStable": work.SubmitRequest,
    "GenerationSubmitted": work.SubmitResponse,
    "UserDetails": people.UserDetails,
    "UserKudosDetails": people.KudosDetails,
    "UserActiveGenerations": people.ActiveGenerations,
    "MonthlyKudos": people.MonthlyKudos,
    "UserRecords": people.UserRecords,
    "UserThingRecords": people.ThingRecords,
    "UserAmountRecords": people.AmountRecords,
    "UsageDetails": people.Usage,
    "ContributionsDetails": people.Contributions,
    "ResponseModelStylesUser": people.UserStyle,
    "ModifyUserInput": people.UserUpdate,
    "ModifyUser": people.UserUpdated,
    "KudosTransferred": people.KudosTransferred,
    "KudosAwarded": people.KudosAwarded,
    "WorkerDetails": workers.WorkerDetails,
    "WorkerKudosDetails": workers.WorkerKudos,
    "TeamDetailsLite": workers.TeamLite,
    "ResponseModelMessage": workers.WorkerMessage,
    "ModifyWorkerInput": workers.WorkerUpdate,
    "ModifyWorker": workers.WorkerUpdated,
    "DeletedWorker": workers.WorkerDeleted,
    "HordePerformance": status.Performance,
    "ActiveModel": status.ModelStatus,
    "Newspiece": status.News,
    "HordeModes": status.Modes,
    "StatsImgTotals": status.ImageTotals,
    "SinglePeriodImgStat": status.ImagePeriod,
    "StatsTxtTotals": status.TextTotals,
    "SinglePeriodTxtStat": status.TextPeriod,
    "ImgModelStats": status.ModelTotals,
    "TxtModelStats": status.ModelTotals,
    "RequestValidationError": problems.ValidationBody,
    "CreateTeamInput": teams.NewTeam,
    "ModifyTeamInput": teams.TeamUpdate,
    "ModifyTeam": teams.TeamChanged,
    "DeletedTeam": teams.TeamDeleted,
    "HordeDocument": status.HordeDocument,
    "SharedKeyInput": keys.SharedKeyInput,
    "SharedKeyDetails": keys.SharedKeyDetails,
    "SimpleResponse": keys.Done,
    "PutNewFilter": operations.NewFilter,
    "PatchExistingFilter": operations.FilterUpdate,
    "FilterDetails": operations.FilterDetails,
    "FilterPromptSuspicion": operations.PromptSuspicion,
    "FilterRegex": operations.FilterRegex,
    "AddTimeoutIPInput": operations.NewTimeout,
    "DeleteTimeoutIPInput": operations.TimeoutToEnd,
    "IPTimeout": operations.IpTimeout,
    "AddWorkerTimeout": operations.WorkerTimeout,
}
BOUNDS = ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "uniqueItems", "enum")
KNOWN_DIFFERENCES = {
    # What is documented as the default is not what the public API does when the key is missing; ours do the latter.
    ("GenerationInputStable", "nsfw", "default"),
    ("GenerationInputStable", "censor_nsfw", "default"),
    ("GenerationInputStable", "validated_backends", "default"),
    ("ModelGenerationInputStable", "cfg_scale", "default"),
    ("ModelGenerationInputStable", "karras", "default"),
    ("PopInputStable", "nsfw", "default"),
    ("PopInputStable", "allow_controlnet", "default"),
    ("PopInputStable", "allow_sdxl_controlnet", "default"),
    ("PopInputStable", "allow_lora", "default"),
    ("PatchExistingFilter", "replacement", "default"),  # what is not said is not changed
    ("PopInputStable", "limit_max_steps", "default"),
    ("PopInputStable", "extra_slow_worker", "default"),
}


def _schema(model: type[Wire], name: str) -> dict[str, Any]:
    """One property as JSON schema, references and `null` resolved."""
    whole = model.model_json_schema(by_alias=True)
    found = whole["properties"][name]
    for option in found.get("anyOf", []):
        if option.get("type") != "null":
            found = {**found, **option}
    if "$ref" in found:
        found = {**found, **whole["$defs"][found["$ref"].rpartition("/")[2]]}
    if isinstance(items := found.get("items"), dict) and "$ref" in items:
        found["items"] = whole["$defs"][items["$ref"].rpartition("/")[2]]
    return found


def _different(ours: dict[str, Any], theirs: dict[str, Any], keys: tuple[str, ...]) -> set[str]:
    def same(key: str) -> bool:
        if key == "enum":
            return set(ours.get(key, [])) == set(theirs[key])
        return ours.get(key) == theirs[key]

    return {key for key in keys if key in theirs and not same(key)}


@pytest.mark.parametrize("name", OBJECTS)
def test_no_field_is_missing(name: str, definitions: dict[str, Any]) -> None:
    """Every key of the public API's object is a key of ours."""
    ours = OBJECTS[name].model_json_schema(by_alias=True)["properties"]
    missing = set(definitions[name]["properties"]) - set(ours)
    assert missing - ({"rc"} if name == "RequestValidationError" else set()) == set()


@pytest.mark.parametrize("name", [name for name, model in OBJECTS.items() if issubclass(model, Ask)])
def test_every_bound_is_the_same(name: str, definitions: dict[str, Any]) -> None:
    """Bounds, choices and defaults of requests are the public API's, but for defaults that it documents wrongly."""
    found = set()
    for key, theirs in definitions[name]["properties"].items():
        ours = _schema(OBJECTS[name], key)
        found |= {(name, key, what) for what in _different(ours, theirs, BOUNDS)}
        if isinstance(theirs.get("items"), dict):
            found |= {(name, key, what) for what in _different(ours.get("items", {}), theirs["items"], BOUNDS)}
        if "default" in ours and _different(ours, theirs, ("default",)):
            found.add((name, key, "default"))
    assert found == {difference for difference in KNOWN_DIFFERENCES if difference[0] == name}


@pytest.mark.parametrize("name", ["ModelPayloadLorasStable", "ModelPayloadTextualInversionsStable", "ExtraText"])
def test_bounds_of_parts_are_the_same(name: str, definitions: dict[str, Any]) -> None:
    """The same for what requests hold and jobs carry on."""
    for key, theirs in definitions[name]["properties"].items():
        assert _different(_schema(OBJECTS[name], key), theirs, BOUNDS) == set(), key


@pytest.mark.parametrize("name", ANSWERS)
def test_every_example_answer_is_read(name: str, goldens: Path) -> None:
    """The official examples parse, and each value that they hold comes out as it went in."""
    example = json.loads((goldens / "example_responses" / f"{name}.json").read_text(encoding="utf-8"))
    for entry in example if isinstance(example, list) else [example]:
        assert _holds(ANSWERS[name].model_validate(entry).wire(), entry)


@pytest.mark.parametrize("name", ASKS)
def test_every_example_request_is_read(name: str, goldens: Path) -> None:
    """The official examples of requests pass our bounds and travel on unchanged."""
    example = json.loads((goldens / "example_payloads" / f"{name}.json").read_text(encoding="utf-8"))
    assert _holds(ASKS[name].read(example).wire(), example)


def test_every_code_is_known(goldens: Path) -> None:
    """Each `rc` that the public API lists is a member of ours."""
    swagger = json.loads((goldens / "swagger.json").read_text(encoding="utf-8"))
    listed = swagger["definitions"]["RequestError"]["properties"]["rc"]["enum"]
    assert [code for code in listed if Rc.read(code) is None] == []


def _holds(ours: Any, theirs: Any) -> bool:
    """Whether everything of theirs is in ours."""
    if isinstance(theirs, dict):
        return all(key in ours and _holds(ours[key], value) for key, value in theirs.items())
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_holds, ours, theirs))
    return bool(ours == theirs)
