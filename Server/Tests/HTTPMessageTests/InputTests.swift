import HTTPMessage
import NIOCore
import Testing

@Suite struct InputTests {
    @Test func `what is added comes after what waits`() {
        var input = ByteBuffer()
        input.addInput(ByteBuffer(string: "abc"))
        #expect(input.readString(length: 2) == "ab")
        input.addInput(ByteBuffer(string: "def"))
        input.addInput(ByteBuffer(string: "g"))
        #expect(input.readString(length: input.readableBytes) == "cdefg")
    }

    @Test func `memory does not grow with what was read, though something always waits and slices are held`()
    {
        var input = ByteBuffer(), slices: [ByteBuffer] = []
        let piece = ByteBuffer(repeating: 0x61, count: 1000)
        for _ in 0..<1000 {
            input.addInput(piece)
            if let slice = input.readSlice(length: 999) { slices = slices.suffix(9) + [slice] }
            input.moveReaderIndex(forwardBy: max(0, input.readableBytes - 1))
            #expect(input.capacity <= 8192)
        }
        #expect(slices.allSatisfy { $0.readableBytes == 999 })
    }
}
