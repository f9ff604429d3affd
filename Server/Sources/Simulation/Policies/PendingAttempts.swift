/// What a policy must remember of attempts until they end. There are few at a time, so they are looked for one by one.
struct PendingAttempts<Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let request, provider: Int
        var value: Value
    }

    private var entries: [Entry] = []

    /// Remembers something of the attempt of a request at a provider, in the place of what was known of it.
    mutating func put(_ value: Value, request: Int, provider: Int) {
        if let place = place(request, provider) {
            entries[place].value = value
        } else {
            entries.append(Entry(request: request, provider: provider, value: value))
        }
    }

    /// Forgets what is known of an attempt.
    ///
    /// - Returns: What was known, or nil.
    mutating func take(request: Int, provider: Int) -> Value? {
        guard let place = place(request, provider) else { return nil }
        entries.swapAt(place, entries.count - 1)
        return entries.removeLast().value
    }

    private func place(_ request: Int, _ provider: Int) -> Int? {
        entries.firstIndex { $0.request == request && $0.provider == provider }
    }
}
