import Generation
import HTTPMessage
import JSON
import NIOCore

@testable import Dialects

/// What providers stream.
enum Chunks {
    private static let start = #"data: {"id":"x","choices":[{"index":0,"delta":{"#
    private static let end = "}}]}\n\n"
    private static let values = Requests.values.map {
        Text($0.name, start + "\"content\":" + $0.start, $0.unit, $0.end + end, between: $0.between)
    }
    private static let chunk = #"data: {"id":"x","choices":[{"index":0,"delta":{"content":"hello "}}]}"#
    private static let finish = #"{"index":0,"delta":{},"finish_reason":"stop"}"#

    private static let lines = [
        Text("chunks", "", chunk + "\n\n"), Text("chunks with CR", "", chunk + "\r\r"),
        Text("chunks with CR LF", "", chunk + "\r\n\r\n"), Text("comments", "", ": hello\n\n"),
        Text("empty lines", "", "\n"), Text("CR alone", "", "\r"), Text("empty data", "", "data\n\n"),
        Text("data lines", "data: {\n", "data: \n", "data: \"a\":1}\n\n"),
        Text("data lines with CR", "data: {\r", "data: \r", "data: \"a\":1}\r\r"),
        Text("lines without end", "", "data: a\r"), Text("a line without end", "data: ", "a"),
        Text("names", "", "event: a\n", "\n"),
    ]

    private static let streams =
        lines + [
            Text(numbered: "members of a delta", start, end, between: ",") { #""m\#($0)":"a""# },
            Text(numbered: "members over many chunks", "") { start + #""m\#($0)":"a""# + end },
            Text(numbered: "members of chunks", "") { #"data: {"m\#($0)":1}"# + "\n\n" },
            Text(numbered: "choices", "") {
                #"data: {"choices":[{"index":\#($0),"delta":{"content":"a"}}]}"# + "\n\n"
            },
            Text("choices of a chunk", "data: {\"choices\":[", finish, "]}\n\n", between: ","),
            Text(numbered: "tool calls of a chunk", start + #""tool_calls":["#, "]" + end, between: ",") {
                #"{"index":\#($0),"function":{"name":"f"}}"#
            },
            Text(numbered: "tool calls over many chunks", "") {
                start
                    + #""tool_calls":[{"index":\#($0),"type":"function","function":{"name":"f","arguments":"{}"}}]"#
                    + end
            },
            Text(
                "pieces of a tool call", "",
                start + #""tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]"# + end),
            Text("ends with many tool calls") { count in
                let calls = (0..<1000).map {
                    #"{"index":\#($0),"type":"function","function":{"name":"f","arguments":"{}"}}"#
                }
                let first = start + #""tool_calls":["# + calls.joined(separator: ",") + "]" + end
                let ends = max(1, (count - first.utf8.count) / (finish.utf8.count + 1))
                let rest = Array(repeating: finish, count: ends).joined(separator: ",")
                return Array((first + "data: {\"choices\":[" + rest + "]}\n\n").utf8)
            },
        ]

    /// Reads a stream by what the reader of streams is made of, in pieces of a size.
    private static func readByParts(_ bytes: [UInt8], pieces: Int, assembles: Bool) {
        var buffer = ByteBuffer(), scanner = EventStreamScanner(), seen = ChunkScan.Choices()
        var calls = ToolCalls(), choices: [AnsweredChoice] = [], delivered = DeliveredText()
        var assembler = CompletionAssembler(), start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + pieces)
            buffer.addInput(ByteBuffer(bytes: bytes[start..<end]))
            start = end
            let consumed = buffer.withUnsafeReadableBytes { bytes -> Int in
                var offset = 0
                while let event = try? scanner.next(in: bytes, from: offset) {
                    offset = event.range.upperBound
                    guard !event.data.isEmpty else { continue }
                    let joined = Array(event.data.map { bytes[$0] }.joined(separator: [0x0A]))
                    joined.withUnsafeBytes { data in
                        guard let scan = try? ChunkScan(data, choices: &seen) else { return }
                        for part in [scan.part].compactMap(\.self) + scan.otherParts {
                            if let range = part.toolCalls {
                                calls.note(UnsafeRawBufferPointer(rebasing: data[range]), choice: part.choice)
                            }
                            if part.finish != nil { _ = calls.areWhole(choice: part.choice) }
                        }
                        choices.note(scan, data)
                        delivered.note(scan, data)
                    }
                }
                return offset
            }
            guard consumed > 0, let events = buffer.readSlice(length: consumed), assembles else { continue }
            assembler.add(ReplyPiece(bytes: events, events: 1, isProgress: true))
        }
        if assembles { _ = assembler.whole }
    }

    /// Reads a stream as the gateway does, to its end or its failure.
    private static func read(_ bytes: [UInt8], pieces: Int) {
        let request = GenerationRequest(
            id: RequestID(0, 0), model: "m", streams: true, wantsUsage: false, choices: 1, body: ByteBuffer(),
            marks: .init(model: 0..<0, start: 0))
        var call = ProviderCall(
            request: request, model: "m", limits: PhaseLimits(), keepsText: true)
        call.keepsChoices = true
        var reader = ChatStreamReader(call, ReplyFacts(), redactor: Redactor([])), buffer = ByteBuffer()
        var start = 0
        while start < bytes.count, !reader.isEnded {
            let end = min(bytes.count, start + pieces)
            buffer.addInput(ByteBuffer(bytes: bytes[start..<end]))
            start = end
            var run = ChatStreamReader.Run()
            guard let consumed = try? buffer.withUnsafeReadableBytes({ try reader.read($0, &run) }) else {
                return
            }
            buffer.moveReaderIndex(forwardBy: consumed)
        }
    }

    static let readers = [
        Reader(name: "stream", texts: values + streams) {
            readByParts($0, pieces: 16 << 10, assembles: true)
        },
        Reader(name: "stream reader", texts: values + streams) { read($0, pieces: 16 << 10) },
        Reader(name: "stream in pieces", texts: lines) { readByParts($0, pieces: 11, assembles: false) },
    ]
}
