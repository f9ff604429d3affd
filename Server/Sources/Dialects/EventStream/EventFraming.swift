package import NIOCore

extension ByteBuffer {
    /// Writes one server-sent event whose data is a single line.
    package mutating func writeEvent(_ write: (inout ByteBuffer) -> Void) {
        writeStaticString("data: ")
        write(&self)
        writeStaticString("\n\n")
    }
}
