public import Synchronization

/// What the attempts of a hedged call brought.
@usableFromInline
final class HedgedResults<Value: Sendable>: Sendable {
    @usableFromInline typealias Entry = (attempt: Int, result: Result<Value, any Error>)

    @usableFromInline
    struct Entries: Sendable {
        /// That of the first attempt, nearly always the only one.
        @usableFromInline var first: Result<Value, any Error>?
        @usableFromInline var others: [Entry] = []

        @inlinable
        init() {}
    }

    @usableFromInline let entries: Mutex<Entries>

    @inlinable
    init() { entries = Mutex(Entries()) }

    @inlinable
    func add(_ attempt: Int, _ result: Result<Value, any Error>) {
        entries.withLock { entries in
            if attempt == 0 { entries.first = result } else { entries.others.append((attempt, result)) }
        }
    }

    /// What an attempt brought that has ended.
    @inlinable
    subscript(attempt: Int) -> Result<Value, any Error> {
        let result = entries.withLock { entries in
            attempt == 0 ? entries.first : entries.others.first { $0.attempt == attempt }?.result
        }
        return result ?? .failure(CancellationError())
    }

    /// What all attempts brought but one, in their order.
    @inlinable
    func others(than winner: Int) -> [Entry] {
        let entries = entries.withLock { $0 }
        if winner == 0, entries.others.isEmpty { return [] }
        let all = (entries.first.map { [(0, $0)] } ?? []) + entries.others
        return all.filter { $0.attempt != winner }.sorted { $0.attempt < $1.attempt }
    }
}
