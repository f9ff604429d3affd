public import Synchronization

/// Holds events between the strategies that tell them and somebody who reads them in their own time.
///
/// ```swift
/// let events = EventBuffer<any ResilienceEvent>(capacity: 1000, from: .information)
/// let retry = Retry("search", onEvent: events.record)
/// let breaker = CircuitBreaker("search", onEvent: events.record)
///
/// for await event in events { log("\(event.strategy): \(event.kind)") }
/// ```
///
/// A buffer of `any ResilienceEvent` takes those of all strategies; one of a single type, such as
/// `EventBuffer<RetryEvent>`, is for readers who want its details.
///
/// It takes its room when it is made and never more. Recording never waits for a reader: when the buffer is full the
/// oldest event is dropped and counted, since who comes late wants to know how things stand and what led there, and the
/// count says that something came before. A lock is held for as long as it takes to store one event; readers, and the ends
/// of dropped events, run outside it.
///
/// There may be several readers, and each event goes to one of them. For two readers who are both to see everything make
/// two buffers, and record into both.
public final class EventBuffer<Event: Sendable>: Sendable {
    /// What was recorded, and what became of it.
    public struct Counts: Sendable, Hashable {
        /// The events that were recorded: those that follow together, and those that readers were given.
        public var recorded = 0
        /// Those that were dropped unread, because the buffer was full or finished.
        public var dropped = 0
        /// Those that wait for a reader now.
        public var waiting = 0
    }

    @usableFromInline typealias Reader = CheckedContinuation<Event?, Never>

    @usableFromInline
    struct Guarded {
        @usableFromInline var ring: EventRing<Event>
        /// The readers that wait, in the order in which they came; none while there are events.
        @usableFromInline var readers: [(id: UInt64, reader: Reader)] = []
        var lastID: UInt64 = 0
        @usableFromInline var recorded = 0
        @usableFromInline var dropped = 0
        @usableFromInline var isFinished = false

        init(capacity: Int) {
            ring = EventRing(capacity: capacity)
        }

        /// Takes an event in.
        ///
        /// - Returns: The reader that gets it, or the event that had to go for it.
        @inlinable
        mutating func take(_ event: Event) -> (reader: Reader?, dropped: Event?) {
            recorded &+= 1
            guard !isFinished else {
                dropped &+= 1
                return (nil, nil)
            }
            guard readers.isEmpty else { return (readers.removeFirst().reader, nil) }
            let oldest = ring.push(event)
            if oldest != nil { dropped &+= 1 }
            return (nil, oldest)
        }
    }

    /// The events it holds.
    public let capacity: Int
    @usableFromInline let isWanted: (@Sendable (Event) -> Bool)?
    @usableFromInline let guarded: Mutex<Guarded>

    /// Creates an empty buffer.
    ///
    /// - Parameters:
    ///   - capacity: The events it holds. Range: 1 to 1,048,576; others count as the nearest. Default: 1024.
    ///   - isWanted: Whether to take an event in at all; others are not counted. By default all are wanted. Leave out
    ///     what happens for every call where rare events must not be pushed out by it.
    public init(capacity: Int = 1024, where isWanted: (@Sendable (Event) -> Bool)? = nil) {
        let capacity = Swift.min(Swift.max(1, capacity), 1 << 20)
        self.capacity = capacity
        self.isWanted = isWanted
        guarded = Mutex(Guarded(capacity: capacity))
    }

    // MARK: Writing

    /// Takes an event in; fits as the `onEvent` of any strategy.
    @inlinable
    public func record(_ event: Event) {
        if let isWanted, !isWanted(event) { return }
        // What is dropped ends here, after the lock: its end may run anything.
        let (reader, dropped) = guarded.withLock { $0.take(event) }
        reader?.resume(returning: event)
        withExtendedLifetime(dropped) {}
    }

    /// Takes no more events in: later ones count as dropped. Readers get what is there and then their end.
    public func finish() {
        let readers = guarded.withLock { guarded in
            guarded.isFinished = true
            let readers = guarded.readers.map(\.reader)
            guarded.readers = []
            return readers
        }
        for reader in readers { reader.resume(returning: nil) }
    }

    // MARK: Reading

    /// Takes all events out, the oldest first, without waiting.
    public func drain() -> [Event] {
        // The room is made before the lock is taken, so that nobody who records waits for it.
        var ring = EventRing<Event>(capacity: capacity)
        guarded.withLock { swap(&$0.ring, &ring) }
        return ring.events
    }

    /// Takes the oldest event out, or waits for the next.
    ///
    /// - Returns: Nil when the buffer is finished and empty, or when the reader is cancelled, already or while it waits; an
    ///   event that comes at that moment goes to the next reader.
    public func next() async -> Event? {
        guard !Task.isCancelled else { return nil }
        let (event, id) = guarded.withLock { guarded -> (Event?, UInt64?) in
            if let event = guarded.ring.pop() { return (event, nil) }
            guard !guarded.isFinished else { return (nil, nil) }
            guarded.lastID &+= 1
            return (nil, guarded.lastID)
        }
        guard let id else { return event }
        return await wait(as: id)
    }

    /// What was recorded since the buffer was made, and what became of it.
    public var counts: Counts {
        guarded.withLock {
            Counts(recorded: $0.recorded, dropped: $0.dropped, waiting: $0.ring.count)
        }
    }

    /// The readers that wait now.
    var readers: Int { guarded.withLock { $0.readers.count } }

    private func wait(as id: UInt64) async -> Event? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (reader: Reader) in
                let (event, isOver) = guarded.withLock { guarded -> (Event?, Bool) in
                    if let event = guarded.ring.pop() { return (event, true) }
                    // A task is cancelled before its handler runs, so the handler finds the reader, or this does.
                    if guarded.isFinished || Task.isCancelled { return (nil, true) }
                    guarded.readers.append((id, reader))
                    return (nil, false)
                }
                if isOver { reader.resume(returning: event) }
            }
        } onCancel: {
            guarded.withLock { guarded -> Reader? in
                guard let index = guarded.readers.firstIndex(where: { $0.id == id }) else { return nil }
                return guarded.readers.remove(at: index).reader
            }?.resume(returning: nil)
        }
    }
}

extension EventBuffer where Event == any ResilienceEvent {
    /// Creates an empty buffer for the events of all strategies.
    ///
    /// - Parameters:
    ///   - capacity: The events it holds. Range: 1 to 1,048,576; others count as the nearest. Default: 1024.
    ///   - severity: Events that trouble less are not taken in.
    public convenience init(capacity: Int = 1024, from severity: EventSeverity) {
        self.init(capacity: capacity, where: { $0.severity >= severity })
    }
}

extension EventBuffer: AsyncSequence {
    /// Reads a buffer; see ``EventBuffer/next()``.
    public struct Reading: AsyncIteratorProtocol {
        let buffer: EventBuffer

        /// The next event; nil at the end of the buffer, or when the reader is cancelled.
        public func next() async -> Event? { await buffer.next() }

        /// The next event; nil at the end of the buffer, or when the reader is cancelled.
        public func next(isolation actor: isolated (any Actor)?) async -> Event? {
            await buffer.next()
        }
    }

    /// Begins to read. The loop ends when the buffer is finished and empty, or when the reader is cancelled.
    public func makeAsyncIterator() -> Reading { Reading(buffer: self) }
}
