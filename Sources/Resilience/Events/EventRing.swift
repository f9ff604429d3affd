/// A queue of fixed size whose newest event takes the place of the oldest.
@usableFromInline
struct EventRing<Event: Sendable>: Sendable {
    @usableFromInline var places: [Event?]
    @usableFromInline var first = 0
    @usableFromInline var count = 0

    /// - Parameter capacity: The events it holds. Range: 1 or more.
    init(capacity: Int) {
        places = Array(repeating: nil, count: max(1, capacity))
    }

    var capacity: Int { places.count }

    /// Adds an event.
    ///
    /// - Returns: The event that had to go for it.
    @inlinable
    mutating func push(_ event: Event) -> Event? {
        guard count == places.count else {
            let place = first + count
            places[place < places.count ? place : place - places.count] = event
            count += 1
            return nil
        }
        var oldest: Event? = event
        swap(&places[first], &oldest)
        advance()
        return oldest
    }

    /// Takes the oldest event out.
    mutating func pop() -> Event? {
        guard count > 0 else { return nil }
        var oldest: Event?
        swap(&places[first], &oldest)
        advance()
        count -= 1
        return oldest
    }

    /// The events, the oldest first.
    var events: [Event] {
        (0..<count).compactMap { offset in
            let place = first + offset
            return places[place < places.count ? place : place - places.count]
        }
    }

    @inlinable
    mutating func advance() {
        first = first + 1 < places.count ? first + 1 : 0
    }
}
