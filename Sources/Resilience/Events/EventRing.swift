/// A queue of fixed size whose newest event takes the place of the oldest.
struct EventRing<Event: Sendable>: Sendable {
    private var places: [Event?]
    private var first = 0
    private(set) var count = 0

    /// - Parameter capacity: The events it holds. Range: 1 or more.
    init(capacity: Int) {
        places = Array(repeating: nil, count: max(1, capacity))
    }

    var capacity: Int { places.count }

    /// Adds an event.
    ///
    /// - Returns: The event that had to go for it.
    mutating func push(_ event: Event) -> Event? {
        if count < places.count {
            places[place(count)] = event
            count += 1
            return nil
        }
        let oldest = places[first]
        places[first] = event
        first = place(1)
        return oldest
    }

    /// Takes the oldest event out.
    mutating func pop() -> Event? {
        guard count > 0 else { return nil }
        let oldest = places[first]
        places[first] = nil
        first = place(1)
        count -= 1
        return oldest
    }

    /// The events, the oldest first.
    var events: [Event] {
        (0..<count).compactMap { places[place($0)] }
    }

    private func place(_ offset: Int) -> Int {
        let place = first + offset
        return place < places.count ? place : place - places.count
    }
}
