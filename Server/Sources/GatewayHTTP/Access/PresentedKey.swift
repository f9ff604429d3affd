/// The key that a connection presented last and whose it is, so that the same one need not be looked up again for each
/// request.
struct PresentedKey {
    /// The longest key that is kept, in bytes.
    private static let longest = 256

    private var bytes: [UInt8] = []
    private var caller: Caller?
    /// Those under which it was looked up.
    private var rules: AccessRules?

    /// Whose key it is, if it is the one that was presented last, under the same rules.
    ///
    /// Takes the same time wherever two keys of one length differ: a proxy may send the requests of many callers by one
    /// connection, and none of them shall learn another one's key.
    func caller(of key: UnsafeRawBufferPointer, by rules: AccessRules) -> Caller? {
        guard self.rules === rules, key.count == bytes.count else { return nil }
        var difference: UInt8 = 0
        for (one, other) in zip(key, bytes) { difference |= one ^ other }
        return difference == 0 ? caller : nil
    }

    mutating func remember(_ key: UnsafeRawBufferPointer, of caller: Caller, by rules: AccessRules) {
        guard key.count <= Self.longest else { return }
        bytes = Array(key)
        self.caller = caller
        self.rules = rules
    }
}
