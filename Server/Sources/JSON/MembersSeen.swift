/// The members of an object that were met, of those that are looked at. One that stands twice is read by some as its
/// first value and by others as its last, so nobody can say what the text means.
@usableFromInline
package struct MembersSeen {
    @usableFromInline var bits: UInt64 = 0

    /// Begins with none.
    @inlinable
    package init() {}

    /// Notes a member; false if it was met before. Any that is not looked at is passed over.
    @inlinable
    package mutating func insert<Member>(_ key: JSONKey<Member>) -> Bool {
        guard bits & key.bit == 0 else { return false }
        bits |= key.bit
        return true
    }

    /// Notes a member, and refuses one that was met before.
    @inlinable
    package mutating func note<Member>(_ key: JSONKey<Member>) throws(JSONFault) {
        guard insert(key) else { throw JSONFault(.duplicateKey, at: key.string.range.lowerBound) }
    }
}
