import Generation

/// The members of an object that were met, of those that are looked at. One that stands twice is read by some as its
/// first value and by others as its last, so nobody can say what the text means.
struct MembersSeen {
    private var bits: UInt64 = 0

    /// Notes a member by its place among those that are looked at; -1 for any other.
    mutating func note(_ member: Int, _ key: JSONCursor.RawString) throws(JSONFault) {
        guard member >= 0 else { return }
        let bit: UInt64 = 1 << UInt64(member & 63)
        if bits & bit != 0 { throw JSONFault(.duplicateKey, at: key.range.lowerBound) }
        bits |= bit
    }
}
