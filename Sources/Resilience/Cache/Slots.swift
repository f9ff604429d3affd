/// Numbered places in blocks of 1,024. Growing moves none of them, as an array does that doubles while everyone waits for
/// the lock; freeing them takes as long as there are places, and belongs outside of it.
@usableFromInline
struct Slots<Element: Sendable>: Sendable {
    @usableFromInline var blocks: [[Element]] = []
    @usableFromInline var count = 0

    init() {}

    /// What is at a place below ``count``.
    @inlinable
    subscript(place: Int) -> Element {
        get { blocks[place >> 10][place & 1023] }
        _modify { yield &blocks[place >> 10][place & 1023] }
    }

    mutating func append(_ element: Element) {
        if count & 1023 == 0 {
            blocks.append([])
            // A small cache has no use for a whole block.
            if count > 0 { blocks[count >> 10].reserveCapacity(1024) }
        }
        blocks[count >> 10].append(element)
        count += 1
    }

    mutating func popLast() -> Element? {
        guard count > 0 else { return nil }
        count -= 1
        let element = blocks[count >> 10].popLast()
        if count & 1023 == 0 { blocks.removeLast() }
        return element
    }
}
