/// The latest of equal slices of time, each replaced when its place is needed again.
struct SliceRing<Slice: Sendable & Hashable & Codable>: Sendable, Hashable, Codable {
    /// A slice and the number of its span since the clock began.
    struct Place: Sendable, Hashable, Codable {
        var number: Int
        var slice: Slice
    }

    /// Seconds of a slice.
    let span: Double
    /// How many slices there may be.
    let count: Int
    /// In no order but that of their places.
    private(set) var places: [Place] = []

    init(window: TrackingWindow, count: Int) {
        span = window.seconds / Double(count)
        self.count = count
    }

    /// The number of the slice that a moment is in.
    func number(at seconds: Double) -> Int { WeekClock.number(of: seconds, each: span) }

    /// Changes the slice of a moment, empty if it is new; nothing if its place went to a later one.
    mutating func change(at seconds: Double, empty: @autoclosure () -> Slice, _ body: (inout Slice) -> Void) {
        let number = number(at: seconds)
        // Dividing for each place is dear; most changes are of a slice that is there.
        if let index = places.firstIndex(where: { $0.number == number }) {
            return body(&places[index].slice)
        }
        if let index = places.firstIndex(where: { ($0.number - number) % count == 0 }) {
            guard number >= places[index].number else { return }
            if number > places[index].number { places[index] = Place(number: number, slice: empty()) }
            body(&places[index].slice)
        } else {
            if places.isEmpty { places.reserveCapacity(count) }
            places.append(Place(number: number, slice: empty()))
            body(&places[places.count - 1].slice)
        }
    }

    /// The slices of the window that ends with the slice of a moment, with their age in slices: 0 is the latest.
    func slices(at seconds: Double) -> [(age: Int, slice: Slice)] {
        let now = number(at: seconds)
        return places.compactMap { place in
            (0..<count).contains(now - place.number) ? (now - place.number, place.slice) : nil
        }
    }

    /// Takes over slices of another clock, except those that are too old, of the future, or more than there can be.
    mutating func restore(_ old: Self, offset: Double, at seconds: Double) {
        let now = number(at: seconds), shift = WeekClock.number(of: offset, each: span)
        places = []
        guard old.span == span, offset.isFinite else { return }
        for place in old.places.prefix(count) where place.number.magnitude < 1 << 50 {
            let number = place.number + shift
            guard (0..<count).contains(now - number),
                !places.contains(where: { ($0.number - number) % count == 0 })
            else { continue }
            places.append(Place(number: number, slice: place.slice))
        }
    }

    /// The bytes that the ring takes, without what its slices point to.
    var bytes: Int { places.isEmpty ? 0 : places.capacity * MemoryLayout<Place>.stride + 32 }
}
