public import Bytes

/// The members of an object that a reader looks at, or the words that it tells apart: each case's raw value is the name.
@usableFromInline
package protocol JSONMember: CaseIterable, Hashable, RawRepresentable, Sendable where RawValue == String {}

/// The names of members, by which a key is told from all others in one step. Made once and kept for ever.
@usableFromInline
package struct JSONKeys<Member: JSONMember>: @unchecked Sendable {  // Written before anyone reads it.
    /// A name as words, so that it is compared without a loop.
    @usableFromInline
    struct Name {
        @usableFromInline let words: KeyWords
        @usableFromInline let member: Member
        /// One bit that no other name has.
        @usableFromInline let bit: UInt64
    }

    /// The longest name that is known, in bytes.
    @usableFromInline static var maximumLength: Int { 24 }

    /// The names by their lengths.
    @usableFromInline let names: UnsafePointer<Name>
    /// Where the names of each length begin; one entry more than there are lengths.
    @usableFromInline let starts: UnsafePointer<Int>
    /// The length of the longest name, in bytes.
    @usableFromInline let longest: Int

    /// Creates the set of all cases: at most 64, each of 1 to 24 bytes.
    package init() {
        let all = Member.allCases.enumerated().map { (place: $0, member: $1, text: Array($1.rawValue.utf8)) }
            .sorted { $0.text.count < $1.text.count }
        precondition(all.count <= 64 && all.allSatisfy { (1...Self.maximumLength).contains($0.text.count) })
        let names = UnsafeMutablePointer<Name>.allocate(capacity: max(1, all.count))
        for (index, name) in all.enumerated() {
            let words = name.text.withUnsafeBytes { KeyWords($0, 0..<$0.count) }
            (names + index).initialize(
                to: Name(words: words, member: name.member, bit: 1 << UInt64(name.place)))
        }
        longest = all.last?.text.count ?? 0
        let starts = UnsafeMutablePointer<Int>.allocate(capacity: longest + 2)
        for length in 0...longest + 1 {
            (starts + length).initialize(to: all.firstIndex { $0.text.count >= length } ?? all.count)
        }
        self.names = UnsafePointer(names)
        self.starts = UnsafePointer(starts)
    }

    /// The name that the bytes of `range` are; nil if they are none.
    @inlinable
    func name(of bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Name? {
        let length = range.count
        guard length <= longest else { return nil }
        var index = starts[length]
        let end = starts[length &+ 1]
        guard index < end else { return nil }
        let words = KeyWords(bytes, range)
        while index < end {
            if names[index].words == words { return names[index] }
            index &+= 1
        }
        return nil
    }
}

/// The bytes of a key of at most 24 bytes, for comparison with others of the same length.
@usableFromInline
struct KeyWords: Equatable {
    @usableFromInline var first: UInt64
    @usableFromInline var middle: UInt64
    @usableFromInline var last: UInt64

    @inlinable @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        let length = range.count
        guard length >= 8 else {
            (first, middle, last) = (bytes.word(at: range.lowerBound, count: length), 0, 0)
            return
        }
        first = bytes.word(at: range.lowerBound)
        middle = length > 16 ? bytes.word(at: range.lowerBound &+ 8) : 0
        last = bytes.word(at: range.upperBound &- 8)
    }

    @inlinable @inline(__always)
    static func == (left: KeyWords, right: KeyWords) -> Bool {
        (left.first ^ right.first) | (left.last ^ right.last) | (left.middle ^ right.middle) == 0
    }
}

/// A key of an object, told from those that the reader looks at.
@usableFromInline
package struct JSONKey<Member: JSONMember> {
    /// Which member it is; nil for one that the reader does not look at.
    @usableFromInline package let member: Member?
    /// The key as it stands in the text.
    @usableFromInline package let string: JSONCursor.RawString
    /// The member's own bit; none for others.
    @usableFromInline let bit: UInt64

    @inlinable
    init(_ name: JSONKeys<Member>.Name?, _ string: JSONCursor.RawString) {
        member = name?.member
        bit = name?.bit ?? 0
        self.string = string
    }
}
