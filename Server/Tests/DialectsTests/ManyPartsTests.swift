import Foundation
import Generation
import NIOCore
import Testing

@testable import Dialects

/// Answers of very many parts: what comes of them is right, and no part costs more than one of a few.
@Suite struct ManyPartsTests {
    private func assembled(_ chunks: [String]) -> String {
        var assembler = CompletionAssembler()
        for chunk in chunks {
            assembler.add(
                ReplyPiece(bytes: ByteBuffer(string: "data: \(chunk)\n\n"), events: 1, isProgress: true))
        }
        return String(buffer: assembler.whole)
    }

    private func delta(_ members: String) -> String { #"{"choices":[{"index":0,"delta":{\#(members)}}]}"# }

    @Test func `members of many chunks are merged by name, however many there are`() throws {
        let chunks = (0..<2).flatMap { _ in (0..<100).map { delta(#""m\#($0)":"a""#) } }
        let whole = assembled(chunks)
        for name in 0..<100 { #expect(whole.contains(#""m\#(name)":"aa""#)) }
    }

    @Test func `tool calls of many chunks are merged by index, however many there are`() throws {
        let chunks = (0..<2).flatMap { round in
            (0..<100).map { index in
                delta(
                    #""tool_calls":[{"index":\#(index),"id":"c\#(index)","function":{"arguments":"\#(round)"}}]"#
                )
            }
        }
        let whole = assembled(chunks)
        for index in 0..<100 {
            #expect(whole.contains(#"{"id":"c\#(index)","function":{"arguments":"01"}}"#))
        }
    }

    /// How long it takes to merge that many chunks.
    private func time(_ count: Int) -> Duration {
        let chunks = (0..<count).map {
            delta(#""m\#($0)":"a","content":"\#(String(repeating: "b", count: 100))""#)
        }
        return ContinuousClock().measure { _ = assembled(chunks) }
    }

    // Coarse, so that a busy machine does not matter; `make linear` counts instructions.
    @Test func `eight times as many chunks do not take sixty-four times as long`() {
        let short = (0..<3).map { _ in time(500) }.min() ?? .zero, long = time(4000)
        #expect(long < short * 30, "\(short), then \(long)")
    }

    @Test func `an answer given as a stream does not say long members again for each choice`() async throws {
        let long = String(repeating: "a", count: 100_000)
        let choices = (0..<50).map { #"{"index":\#($0),"message":{"content":"b"},"finish_reason":"stop"}"# }
        let body = #"{"id":"x","more":"\#(long)","choices":[\#(choices.joined(separator: ","))]}"#
        let whole = WholeReply(body: ByteBuffer(string: body), facts: ReplyFacts())
        let piece = try #require(await CompletionAsStream(whole, wantsUsage: true).next())
        #expect(piece.events == 100)
        #expect(piece.bytes.readableBytes < 2 * body.utf8.count)
        let text = String(buffer: piece.bytes)
        #expect(text.components(separatedBy: long).count == 2)
        #expect(text.components(separatedBy: #""id":"x""#).count == 101)
    }

    @Test func `whether tool calls are whole is known at once, however many there are`() {
        var calls = ToolCalls()
        func note(_ index: Int, _ function: String, choice: Int = 0) {
            let text = #"[{"index":\#(index),"function":{\#(function)}}]"#
            Array(text.utf8).withUnsafeBytes { calls.note($0, choice: choice) }
        }
        for index in 0..<900 { note(index, #""name":"f","arguments":"{\"a\":""#) }
        note(0, #""arguments":"{""#, choice: 1)
        #expect(!calls.areWhole(choice: 0))
        for index in 0..<899 { note(index, #""arguments":"1}""#) }
        #expect(!calls.areWhole(choice: 0))
        note(899, #""arguments":"1}""#)
        #expect(calls.areWhole(choice: 0))
        #expect(!calls.areWhole(choice: 1) && calls.areWhole(choice: 2))
        note(5, #""arguments":"[""#)
        #expect(!calls.areWhole(choice: 0))
    }
}
