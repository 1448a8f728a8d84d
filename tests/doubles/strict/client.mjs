// A strict Matrix app on matrix-js-sdk, driven by JSON lines: {"id", "do", ...} in, {"id", "ok" | "error"} and
// {"event": ...} out. It gives keys only to devices that their owner's identity signed, and reads only such devices.
import * as readline from "node:readline";
for (const name of ["log", "info", "debug", "warn", "error", "trace"]) console[name] = () => {};
const sdk = await import("matrix-js-sdk");
const { logger } = await import("matrix-js-sdk/lib/logger.js");
const { decodeRecoveryKey, OnlySignedDevicesIsolationMode, VerificationPhase, VerifierEvent, VerificationRequestEvent } =
    await import("matrix-js-sdk/lib/crypto-api/index.js");
logger.setLevel?.("silent");

const out = (value) => process.stdout.write(JSON.stringify(value) + "\n");
let client;
let secret;

function tell(event) {
    out({
        event: {
            room: event.getRoomId(), id: event.getId(), sender: event.getSender(), type: event.getType(),
            content: event.getContent(), failure: event.decryptionFailureReason ?? null,
            encrypted: event.isEncrypted(),
        },
    });
}

const verbs = {
    async start({ url, user, token, device, password, recovery }) {
        client = sdk.createClient({
            baseUrl: url, userId: user, accessToken: token, deviceId: device,
            cryptoCallbacks: {
                getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], secret],
                cacheSecretStorageKey: () => {},
            },
        });
        await client.initRustCrypto({ useIndexedDB: false });
        const crypto = client.getCrypto();
        crypto.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
        client.on("event", (event) => event.isEncrypted() || tell(event));
        client.on("Event.decrypted", tell);
        await client.startClient({ initialSyncLimit: 20 });
        await new Promise((resolve) => client.once("sync", resolve));
        if (recovery) {
            // Another app of an account whose identity was made elsewhere restores it from the secret storage.
            secret = decodeRecoveryKey(recovery);
            await crypto.getUserDeviceInfo([user], true);
            await crypto.bootstrapCrossSigning({});
            return { ready: await crypto.isCrossSigningReady() };
        }
        await crypto.bootstrapCrossSigning({
            authUploadDeviceSigningKeys: async (request) =>
                request({ type: "m.login.password", identifier: { type: "m.id.user", user }, password }),
        });
        return {};
    },
    async room({ invite }) {
        const state = [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }];
        const made = await client.createRoom({ preset: "private_chat", invite: [invite], initial_state: state, is_direct: true });
        return { room: made.room_id };
    },
    async members({ room }) {
        return { joined: (client.getRoom(room)?.getJoinedMembers() ?? []).map((each) => each.userId) };
    },
    async say({ room, text }) {
        const sent = await client.sendTextMessage(room, text);
        return { event: sent.event_id };
    },
    async trust({ user, device }) {
        const found = await client.getCrypto().getDeviceVerificationStatus(user, device);
        const person = await client.getCrypto().getUserVerificationStatus(user);
        return { signed: found?.signedByOwner ?? false, verified: person.isCrossSigningVerified() };
    },
    // Both ways end with the seven emoji on this side; the test says whether they are the same.
    async verify({ user, room, device }) {
        const crypto = client.getCrypto();
        const request = room
            ? await crypto.requestVerificationDM(user, room)
            : await crypto.requestDeviceVerification(user, device);
        await new Promise((resolve, reject) => {
            const look = () => {
                if (request.phase === VerificationPhase.Ready) resolve();
                if (request.phase === VerificationPhase.Cancelled) reject(new Error(request.cancellationCode));
            };
            request.on(VerificationRequestEvent.Change, look);
            look();
        });
        const verifier = await request.startVerification("m.sas.v1");
        const shown = new Promise((resolve) => verifier.on(VerifierEvent.ShowSas, resolve));
        const done = verifier.verify();
        const sas = await Promise.race([shown, done.then(() => null)]);
        out({ event: { type: "emoji", emoji: sas.sas.emoji.map(([sign]) => sign) } });
        await sas.confirm();
        await done;
        return { emoji: sas.sas.emoji.map(([sign]) => sign) };
    },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
    const { id, do: verb, ...rest } = JSON.parse(line);
    verbs[verb](rest).then((ok) => out({ id, ok }), (error) => out({ id, error: String(error?.stack ?? error) }));
}
