import Generation
import Resilience
import Synchronization

/// A provider whose every attempt follows a script.
struct ScriptedProvider: Provider {
    let name: String
    let credentials: [Credential]
    let time: TimeSource
    let spawner: Spawner
    let books: AttemptBooks
    let script: @Sendable (ProviderCall) -> Script

    func attempt(_ call: ProviderCall) async throws(AttemptFailure) -> Reply {
        let script = script(call)
        books.began(call.request.id, isDeaf: script.isDeaf)
        return try await ScriptedAnswer(script, call, time, spawner, books).open()
    }
}

/// What providers were asked, what they promised, and what of it has not ended.
final class AttemptBooks: Sendable {
    private struct Entry {
        var promises: [String] = []
        var attempts = 0, open = 0, openDeaf = 0
        var hadDeaf = false
    }

    private let entries = Mutex<[String: Entry]>([:])

    private func change<Result>(_ id: RequestID, _ body: (inout Entry) -> Result) -> Result {
        entries.withLock { body(&$0[id.description, default: Entry()]) }
    }

    func began(_ id: RequestID, isDeaf: Bool) {
        change(id) { entry in
            entry.attempts += 1
            entry.open += isDeaf ? 0 : 1
            entry.openDeaf += isDeaf ? 1 : 0
            entry.hadDeaf = entry.hadDeaf || isDeaf
        }
    }

    /// An attempt is over: it has failed, its answer is complete, or nobody wants it any more.
    func ended(_ id: RequestID, isDeaf: Bool) {
        change(id) { entry in
            entry.open -= isDeaf ? 0 : 1
            entry.openDeaf -= isDeaf ? 1 : 0
        }
    }

    /// An attempt will say that text, if nothing comes between.
    func promise(_ text: String, of id: RequestID) { change(id) { $0.promises.append(text) } }

    func promises(_ id: RequestID) -> [String] { change(id) { $0.promises } }
    func attempts(_ id: RequestID) -> Int { change(id) { $0.attempts } }
    /// The attempts that have not ended, without those that take no notice of being cancelled.
    func open(_ id: RequestID) -> Int { change(id) { $0.open } }
    func hadDeaf(_ id: RequestID) -> Bool { change(id) { $0.hadDeaf } }
    /// All that have not ended.
    var open: Int { entries.withLock { $0.values.reduce(0) { $0 + $1.open + $1.openDeaf } } }
}
