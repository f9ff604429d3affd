import Synchronization
import Wall

/// A wall that plays scripts by the model's name: those it was given, then the faults.
final class ScriptedProvider: Sendable {
    private let scripts: Scripts
    let wall: Wall
    /// What the times in the ledger are counted from.
    let begun = ContinuousClock.now

    /// What the wall looks at for a request.
    private final class Scripts: Sendable {
        let given = Mutex<[String: [Wall.Act]]>([:])
        let player = FaultPlayer()

        func acts(for call: Wall.Call) -> [Wall.Act] {
            if call.head.hasPrefix("GET ") { return [Answer.response(200, Self.models)] }
            if let acts = given.withLock({ $0[call.model] }) { return acts }
            return player.acts(for: call) ?? [
                Answer.response(
                    404,
                    Answer.error(
                        "There is no such model; GET /v1/models names them.", type: "invalid_request_error",
                        code: "model_not_found"))
            ]
        }

        private static let models =
            #"{"object":"list","data":["#
            + (["good", "slow-500"] + Fault.all.map(\.model)).map { #"{"id":"\#($0)","object":"model"}"# }
            .joined(separator: ",") + "]}"
    }

    init() {
        let scripts = Scripts()
        self.scripts = scripts
        wall = Wall { scripts.acts(for: $0) }
    }

    /// Plays these acts for a model from now on.
    func give(_ acts: [Wall.Act], to model: String) { scripts.given.withLock { $0[model] = acts } }

    /// Forgets all scripts, and who met which fault how often.
    func forget() {
        scripts.given.withLock { $0 = [:] }
        scripts.player.forget()
    }
}
