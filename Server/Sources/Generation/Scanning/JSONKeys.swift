/// The names of the members that a reader cares about, by which a key is told from all others in one step.
public struct JSONKeys: Sendable {
    /// The names by their length in bytes.
    private let byLength: [[(name: StaticString, index: Int)]]

    /// Creates a set of names, each shorter than 64 bytes; a key is answered with its name's place in the list.
    public init(_ names: StaticString...) {
        self.init(names)
    }

    /// Creates a set of names.
    public init(_ names: [StaticString]) {
        let longest = names.map(\.utf8CodeUnitCount).max() ?? 0
        var byLength: [[(name: StaticString, index: Int)]] = Array(repeating: [], count: longest + 1)
        for (index, name) in names.enumerated() { byLength[name.utf8CodeUnitCount].append((name, index)) }
        self.byLength = byLength
    }

    /// The length of the longest name, in bytes.
    var longest: Int { byLength.count - 1 }

    /// The place of the name that these bytes are; -1 if they are none.
    func index(of bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count < byLength.count else { return -1 }
        for (name, index) in byLength[bytes.count] where isEqual(bytes, name) { return index }
        return -1
    }
}

/// Whether the bytes are the text, which has as many.
func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    let wanted = text.utf8Start
    for index in 0..<bytes.count where bytes[index] != wanted[index] { return false }
    return true
}
