import Bytes
package import Generation
import JSON
package import NIOCore

/// Reads a chat request as far as the gateway must know it, checking the rest on the way.
///
/// Members that are known must have the right type; unknown ones pass through, since new ones appear every month.
/// Members by which other gateways let a caller choose the destination are refused by name.
package struct ChatRequestScan: Sendable {
    private static let members = JSONKeys<Member>()
    private static let messageMembers = JSONKeys<MessageMember>()
    private static let streamMembers = JSONKeys<StreamOption>()
    /// Efforts by which a model need not think.
    private static let efforts = JSONKeys<Effort>()
    private static let formMembers = JSONKeys<FormMember>(), forms = JSONKeys<Form>()

    /// The model that is asked for.
    package private(set) var model = ""
    private(set) var streams = false
    private(set) var wantsUsage = false
    private(set) var choices = 1
    private var modelRange: Range<Int>?
    private var start = 0
    private var messagesEnd = 0
    private var streamRange: Range<Int>?
    private var maximumTokens: Int?
    private var form: GenerationRequest.JSONForm?
    private var features: GenerationRequest.Features = []
    /// Whether the answer is bound to a form or may call tools, so that nobody may begin it for a model.
    private var isBound = false
    /// Who the caller says its own user is; nil if it does not.
    private var user: JSONCursor.RawString?
    private var streamOptions: Int?
    private var streamOptionsAreEmpty = false
    private var nullStreamOptions: Range<Int>?
    private var includeUsage: Range<Int>?

    /// Reads `body`.
    ///
    /// - Throws: ``OpenAIError`` that names the member and says how to mend it.
    package static func read(_ body: ByteBuffer) throws(OpenAIError) -> ChatRequestScan {
        var result: Result<ChatRequestScan, OpenAIError> = .success(ChatRequestScan())
        body.withUnsafeReadableBytes { bytes in
            do throws(OpenAIError) { result = .success(try read(bytes)) } catch { result = .failure(error) }
        }
        return try result.get()
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(OpenAIError) -> ChatRequestScan {
        guard !bytes.isEmpty else {
            throw .invalid("the body is empty; send a chat request as JSON", field: nil, code: "empty_body")
        }
        do throws(OpenAIError) { return try readChecked(bytes) } catch {
            // Found on the way; but a body that is not UTF-8 is told as that, wherever else it is wrong.
            guard bytes.isUTF8 else {
                throw .invalid("the body is not valid UTF-8", field: nil, code: "invalid_utf8")
            }
            throw error
        }
    }

    private static func readChecked(_ bytes: UnsafeRawBufferPointer) throws(OpenAIError) -> ChatRequestScan {
        var cursor = JSONCursor(bytes), scan = ChatRequestScan()
        do throws(JSONFault) {
            guard try cursor.peek() == .object else { throw JSONFault(.wrongType, at: cursor.offset) }
        } catch {
            throw Self.error(error, bytes, "the body must be a JSON object")
        }
        var problem: OpenAIError?
        do throws(JSONFault) {
            problem = try scan.readMembers(&cursor)
            if problem == nil { try cursor.finish() }
        } catch {
            throw Self.error(error, bytes, nil)
        }
        if let problem { throw problem }
        return scan
    }

    private static func error(_ fault: JSONFault, _ bytes: UnsafeRawBufferPointer, _ message: String?)
        -> OpenAIError
    {
        let field = JSONLocation.path(of: fault.offset, in: bytes)
        let place = field.map { " in \($0)" } ?? ""
        let text = message ?? "the body \(fault.kind.rawValue) at byte \(fault.offset)\(place)"
        return .invalid(text, field: field, code: "invalid_json")
    }

    /// The request that was read.
    package func request(_ id: RequestID, _ body: ByteBuffer) -> GenerationRequest {
        let marks = GenerationRequest.Marks(
            model: modelRange ?? 0..<0, start: start,
            messagesEnd: isBound || choices > 1 ? nil : messagesEnd, stream: streamRange,
            streamOptions: streamOptions,
            streamOptionsAreEmpty: streamOptionsAreEmpty,
            nullStreamOptions: nullStreamOptions, includeUsage: includeUsage)
        return GenerationRequest(
            id: id, model: model, streams: streams, wantsUsage: wantsUsage, choices: choices,
            maximumTokens: maximumTokens, form: form, features: features, body: body,
            marks: marks)
    }

    /// Who the caller says its own user is; nil if it does not, or in more than `most` bytes.
    package func user(in body: ByteBuffer, most: Int) -> String? {
        guard let user, user.range.count <= most else { return nil }
        return body.withUnsafeReadableBytes { JSONCursor($0).decode(user) }
    }

    // MARK: Members

    /// Reads all members; returns what is wrong with one of them.
    private mutating func readMembers(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        var seen = MembersSeen()
        try cursor.enterObject()
        start = cursor.offset
        while let key = try cursor.nextKey(of: Self.members) {
            guard let member = key.member else {
                try cursor.skipValue()
                continue
            }
            let problem: OpenAIError?
            switch member.rule {
            case .own:
                guard seen.insert(key) else {
                    return .invalid(
                        "\(member.rawValue) is given twice; give it once", field: member.rawValue,
                        code: "duplicate_field")
                }
                problem = try readOwn(member, &cursor)
            case .refused:
                return .invalid(
                    "\(member.rawValue) is not accepted: where requests go is decided by the gateway's configuration",
                    field: member.rawValue, code: "unsupported_parameter")
            case .plain(let type): problem = try readPlain(member, type, &cursor)
            }
            if let problem { return problem }
        }
        if modelRange == nil {
            return .invalid(
                "model is missing; name one of those at /v1/models", field: "model",
                code: "missing_required_parameter")
        }
        if messagesEnd == 0 {
            return .invalid(
                "messages is missing; give an array of messages", field: "messages",
                code: "missing_required_parameter")
        }
        return nil
    }

    private mutating func readOwn(_ member: Member, _ cursor: inout JSONCursor) throws(JSONFault)
        -> OpenAIError?
    {
        switch member {
        case .model: try readModel(&cursor)
        case .messages: try readMessages(&cursor)
        case .stream: try readStream(&cursor)
        case .streamOptions: try readStreamOptions(&cursor)
        case .choices: try readCount(member, 1...GenerationRequest.mostChoices, &cursor) { choices = $0 }
        case .responseFormat: try readForm(&cursor)
        default: try readCount(member, 1...10_000_000, &cursor) { maximumTokens = $0 }
        }
    }

    /// Checks a member that is not read but for what it says of what a model must be able to do.
    private mutating func readPlain(_ member: Member, _ type: Allowed, _ cursor: inout JSONCursor)
        throws(JSONFault) -> OpenAIError?
    {
        let kind = try cursor.peek()
        guard kind == .null || type.allows(kind) else { return Self.wrongType(member.rawValue, type.words) }
        if kind != .null {
            if member.binds { isBound = true }
            features.formUnion(member.needs)
        }
        switch (member, kind) {
        case (.reasoningEffort, .string):
            if cursor.word(try cursor.readString(), among: Self.efforts) == nil { features.insert(.thought) }
        case (.modalities, .array):
            if try Modalities.haveAudio(&cursor) {
                isBound = true
                features.insert(.speech)
            }
        case (.user, .string): user = try cursor.readString()
        default: try cursor.skipValue()
        }
        return nil
    }

    private mutating func readModel(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        guard try cursor.peek() == .string else { return Self.wrongType("model", "a string") }
        let name = try cursor.readString()
        // A name of 256 bytes may be six times as long where it is written in escapes.
        model = cursor.decode(name, most: 6 * 256 + 1)
        modelRange = name.quoted
        guard !model.isEmpty, model.utf8.count <= 256 else {
            return .invalid("model must be a name of 1 to 256 bytes", field: "model")
        }
        return nil
    }

    private mutating func readStream(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        switch try cursor.peek() {
        case .bool:
            let start = cursor.offset
            streams = try cursor.readBool()
            streamRange = start..<cursor.offset
        case .null:
            let start = cursor.offset
            try cursor.readNull()
            streamRange = start..<cursor.offset
        default: return Self.wrongType("stream", "true or false")
        }
        return nil
    }

    private mutating func readStreamOptions(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        switch try cursor.peek() {
        case .null:
            let start = cursor.offset
            try cursor.readNull()
            nullStreamOptions = start..<cursor.offset
        case .object:
            try cursor.enterObject()
            streamOptions = cursor.offset
            streamOptionsAreEmpty = true
            while let key = try cursor.nextKey(of: Self.streamMembers) {
                streamOptionsAreEmpty = false
                guard key.member == .includeUsage else {
                    try cursor.skipValue()
                    continue
                }
                let kind = try cursor.peek(), start = cursor.offset
                guard kind == .bool || kind == .null else {
                    return Self.wrongType("stream_options.include_usage", "true or false")
                }
                if kind == .bool { wantsUsage = try cursor.readBool() } else { try cursor.readNull() }
                if !wantsUsage { includeUsage = start..<cursor.offset }
            }
        default: return Self.wrongType("stream_options", "an object")
        }
        return nil
    }

    private mutating func readForm(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        switch try cursor.peek() {
        case .null: try cursor.readNull()
        case .object:
            isBound = true
            features.insert(.form)
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: Self.formMembers) {
                guard key.member == .type, try cursor.peek() == .string else {
                    try cursor.skipValue()
                    continue
                }
                switch cursor.word(try cursor.readString(), among: Self.forms) {
                case .object: form = .object
                case .schema: form = .schema
                case nil: break
                }
            }
        default: return Self.wrongType("response_format", "an object")
        }
        return nil
    }

    private func readCount(
        _ member: Member, _ range: ClosedRange<Int>, _ cursor: inout JSONCursor, _ take: (Int) -> Void
    )
        throws(JSONFault) -> OpenAIError?
    {
        switch try cursor.peek() {
        case .null: try cursor.readNull()
        case .number:
            guard let number = try cursor.readInt(), range.contains(number) else {
                return .invalid(
                    "\(member.rawValue) must be a whole number from \(range.lowerBound) to \(range.upperBound)",
                    field: member.rawValue)
            }
            take(number)
        default: return Self.wrongType(member.rawValue, "a number")
        }
        return nil
    }

    private mutating func readMessages(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        guard try cursor.peek() == .array else { return Self.wrongType("messages", "an array") }
        try cursor.enterArray()
        var index = 0
        while try cursor.nextElement() {
            guard try cursor.peek() == .object else {
                return Self.wrongType("messages[\(index)]", "an object")
            }
            var hasRole = false
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: Self.messageMembers) {
                let kind = try cursor.peek()
                switch key.member {
                case .role:
                    guard kind == .string else {
                        return Self.wrongType("messages[\(index)].role", "a string")
                    }
                    hasRole = true
                case .content:
                    guard kind == .string || kind == .array || kind == .null else {
                        return Self.wrongType("messages[\(index)].content", "a string or an array of parts")
                    }
                case .toolCalls:
                    guard kind == .array || kind == .null else {
                        return Self.wrongType("messages[\(index)].tool_calls", "an array")
                    }
                case nil: break
                }
                if key.member == .content, kind == .array {
                    if try MessageParts.hasMedia(&cursor) { features.insert(.media) }
                } else {
                    try cursor.skipValue()
                }
            }
            guard hasRole else {
                return .invalid(
                    "messages[\(index)].role is missing", field: "messages[\(index)].role",
                    code: "missing_required_parameter")
            }
            index += 1
        }
        // The cursor stands behind the closing bracket.
        messagesEnd = cursor.offset - 1
        return index > 0
            ? nil
            : .invalid("messages is empty; give at least one message", field: "messages", code: "empty_array")
    }

    private static func wrongType(_ name: String, _ expected: String) -> OpenAIError {
        .invalid("\(name) must be \(expected)", field: name, code: "invalid_type")
    }
}
