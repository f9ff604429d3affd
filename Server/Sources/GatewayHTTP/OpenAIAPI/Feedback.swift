import Bytes
import Dialects
import Gateway
import Generation
import HTTPMessage
import JSON
import NIOCore

/// `POST /v1/feedback`: what a user says of an answer, from 0 to 10. Only who asked for the answer may rate it, once.
struct Feedback: Sendable {
    /// The largest body that is read, in bytes.
    static let maximumBody = 16 << 10

    private struct View: Encodable {
        var id: String
        var target: String
        var key: String
        var score: Double
    }

    /// What is sent.
    struct Scan {
        private enum Member: String, JSONMember { case id, score, comment }
        private static let members = JSONKeys<Member>()
        /// The longest comment, in bytes. It is read and forgotten.
        private static let longestComment = 8 << 10

        private var id: RequestID?
        private var score: Double?
    }

    let gateway: Gateway

    func run(_ exchange: Exchange) async {
        let id: RequestID, score: Double
        do throws(OpenAIError) { (id, score) = try Scan.read(exchange.body) } catch {
            return await exchange.sendError(error)
        }
        switch gateway.rate(id, score: score, by: exchange.caller.name) {
        case .counted(let target, let key):
            await exchange.sendJSON(View(id: id.description, target: target, key: key, score: score))
        case .unknown:
            await exchange.sendError(
                .invalid(
                    "no request of yours has that id: it is unknown, still running, or forgotten",
                    field: "id", code: "request_not_found", status: 404))
        case .notAnswered:
            await exchange.sendError(
                .invalid(
                    "that request had no whole answer, so there is nothing to rate", field: "id",
                    code: "request_not_answered", status: 409))
        case .ratedBefore:
            await exchange.sendError(
                .invalid(
                    "that request is rated already; the first rating counts", field: "id",
                    code: "already_rated", status: 409))
        }
    }
}

extension Feedback.Scan {
    static func read(_ body: ByteBuffer) throws(OpenAIError) -> (RequestID, Double) {
        let result = body.withUnsafeReadableBytes { bytes -> Result<Self, OpenAIError> in
            guard bytes.isUTF8 else {
                return .failure(
                    .invalid("the body is not valid UTF-8", field: nil, code: "invalid_utf8"))
            }
            var cursor = JSONCursor(bytes), scan = Self()
            do throws(JSONFault) {
                if let problem = try scan.readMembers(&cursor, bytes) { return .failure(problem) }
                try cursor.finish()
            } catch {
                return .failure(
                    .invalid(
                        #"the body \#(error.kind.rawValue) at byte \#(error.offset); send {"id": "req_...", "score": 0 to 10}"#,
                        field: JSONLocation.path(of: error.offset, in: bytes), code: "invalid_json"))
            }
            return .success(scan)
        }
        let scan = try result.get()
        guard let id = scan.id else {
            throw .invalid("id is missing; give the x-request-id of an answer", field: "id")
        }
        guard let score = scan.score else {
            throw .invalid("score is missing; give a number from 0 to 10", field: "score")
        }
        return (id, score)
    }

    private mutating func readMembers(
        _ cursor: inout JSONCursor, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONFault) -> OpenAIError? {
        var seen = Set<Member>()
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: Self.members) {
            guard let member = key.member else {
                let name = String(cursor.decode(key.string).prefix(64))
                return .invalid(
                    "'\(name)' is not known here; give id, score and, if you like, comment", field: name,
                    code: "unknown_field")
            }
            guard seen.insert(member).inserted else {
                return .invalid(
                    "\(member.rawValue) is given twice; give it once", field: member.rawValue,
                    code: "duplicate_field")
            }
            if let problem = try readMember(member, &cursor, bytes) { return problem }
        }
        return nil
    }

    private mutating func readMember(
        _ member: Member, _ cursor: inout JSONCursor, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONFault) -> OpenAIError? {
        let kind = try cursor.peek()
        switch member {
        case .id:
            guard kind == .string else { return .invalid("id must be a string", field: "id") }
            // What cannot be an identity is the identity of no request.
            id = RequestID(cursor.decode(try cursor.readString())) ?? RequestID(0, 0)
        case .score:
            guard kind == .number else { return .invalid("score must be a number", field: "score") }
            let text = String(decoding: bytes[try cursor.readNumber()], as: UTF8.self)
            guard let number = Double(text), (0...10).contains(number) else {
                return .invalid("score must be from 0 to 10, not \(text)", field: "score")
            }
            score = number
        case .comment:
            guard kind == .string || kind == .null else {
                return .invalid("comment must be a string", field: "comment")
            }
            let start = cursor.offset
            try cursor.skipValue()
            guard cursor.offset - start <= Self.longestComment else {
                return .invalid(
                    "comment may have at most \(Self.longestComment) bytes", field: "comment")
            }
        }
        return nil
    }
}
