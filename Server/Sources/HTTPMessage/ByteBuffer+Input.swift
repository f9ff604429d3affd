public import NIOCore

extension ByteBuffer {
    /// Adds bytes that have come to those that wait to be read.
    ///
    /// What was read before is left behind: others may hold slices of it, and then writing to the same memory would copy
    /// all of it, each time, and the memory would grow for as long as something always waits.
    public mutating func addInput(_ more: ByteBuffer) {
        if readableBytes == 0 {
            self = more
        } else if readerIndex == 0 {
            writeImmutableBuffer(more)
        } else {
            var joined = ByteBuffer()
            joined.reserveCapacity(readableBytes + more.readableBytes)
            joined.writeImmutableBuffer(self)
            joined.writeImmutableBuffer(more)
            self = joined
        }
    }
}
