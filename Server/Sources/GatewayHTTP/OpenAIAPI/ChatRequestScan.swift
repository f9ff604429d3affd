import Generation
import NIOCore

/// Reads a chat request as far as the gateway must know it, checking the rest on the way.
///
/// Members that are known must have the right type; unknown ones pass through, since new ones appear every month.
/// Members by which other gateways let a caller choose the destination are refused by name.
struct ChatRequestScan {
    private enum Allowed: Hashable {
        case string, number, bool, array, object, stringOrArray, stringOrObject

        func allows(_ kind: JSONCursor.ValueKind) -> Bool {
            switch self {
            case .string: kind == .string
            case .number: kind == .number
            case .bool: kind == .bool
            case .array: kind == .array
            case .object: kind == .object
            case .stringOrArray: kind == .string || kind == .array
            case .stringOrObject: kind == .string || kind == .object
            }
        }

        var words: String {
            switch self {
            case .string: "a string"
            case .number: "a number"
            case .bool: "true or false"
            case .array: "an array"
            case .object: "an object"
            case .stringOrArray: "a string or an array"
            case .stringOrObject: "a string or an object"
            }
        }
    }

    /// Members that are read, in the order of ``Member``.
    private static let own: [StaticString] = [
        "model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens",
        "response_format",
    ]
    /// Members that would say where a request goes or with whose key.
    private static let refused: [StaticString] = [
        "api_base", "base_url", "api_key", "endpoint", "azure_endpoint", "extra_headers", "organization",
        "proxy",
        "custom_llm_provider",
    ]
    /// Known members whose type alone is checked; all of them may be null.
    private static let plain: [(name: StaticString, type: Allowed)] = [
        ("temperature", .number), ("top_p", .number), ("frequency_penalty", .number),
        ("presence_penalty", .number),
        ("seed", .number), ("top_logprobs", .number), ("logprobs", .bool), ("parallel_tool_calls", .bool),
        ("store", .bool),
        ("stop", .stringOrArray), ("user", .string), ("logit_bias", .object),
        ("tools", .array), ("tool_choice", .stringOrObject), ("functions", .array),
        ("function_call", .stringOrObject),
        ("metadata", .object), ("reasoning_effort", .string), ("service_tier", .string),
        ("modalities", .array),
        ("audio", .object), ("prediction", .object), ("verbosity", .string),
    ]
    /// Whether a member of ``plain`` binds the answer to a form.
    private static let binds: [Bool] = plain.map { member in
        ["tools", "functions", "audio", "logprobs"].contains("\(member.name)")
    }
    /// What members of ``plain`` say of what a model must be able to do.
    private static let needs: [GenerationRequest.Features] = plain.map { member in
        switch "\(member.name)" {
        case "tools", "functions": .tools
        case "audio": .speech
        default: []
        }
    }
    /// The place of `reasoning_effort` in ``plain``.
    private static let effort = plain.firstIndex { "\($0.name)" == "reasoning_effort" }
    /// The place of `modalities` in ``plain``.
    private static let modalities = plain.firstIndex { "\($0.name)" == "modalities" }
    /// The place of `user` in ``plain``.
    private static let user = plain.firstIndex { "\($0.name)" == "user" }
    private static let keys = JSONKeys(own + refused + plain.map(\.name))
    private static let messageKeys = JSONKeys("role", "content", "tool_calls")
    private static let includeUsageKey = JSONKeys("include_usage")
    private static let efforts = JSONKeys("none", "minimal")
    private static let formKeys = JSONKeys("type"), forms = JSONKeys("json_object", "json_schema")

    private(set) var model = ""
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
    static func read(_ body: ByteBuffer) throws(OpenAIError) -> ChatRequestScan {
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
        guard JSONCursor.isUTF8(bytes) else {
            throw .invalid("the body is not valid UTF-8", field: nil, code: "invalid_utf8")
        }
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
    func request(_ id: RequestID, _ body: ByteBuffer) -> GenerationRequest {
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
    func user(in body: ByteBuffer, most: Int) -> String? {
        guard let user, user.range.count <= most else { return nil }
        return body.withUnsafeReadableBytes { JSONCursor($0).decode(user) }
    }

    // MARK: Members

    /// Reads all members; returns what is wrong with one of them.
    private mutating func readMembers(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        var seen = 0
        try cursor.enterObject()
        start = cursor.offset
        while let key = try cursor.nextKey() {
            let index = cursor.index(of: key, in: Self.keys)
            guard (0..<Self.own.count).contains(index) else {
                if let problem = try readOther(index - Self.own.count, &cursor) { return problem }
                continue
            }
            guard seen >> index & 1 == 0 else {
                return .invalid(
                    "\(Self.own[index]) is given twice; give it once", field: "\(Self.own[index])",
                    code: "duplicate_field")
            }
            seen |= 1 << index
            let problem: OpenAIError? =
                switch index {
                case 0: try readModel(&cursor)
                case 1: try readMessages(&cursor)
                case 2: try readStream(&cursor)
                case 3: try readStreamOptions(&cursor)
                case 4: try readCount("n", 1...GenerationRequest.mostChoices, &cursor) { choices = $0 }
                case 7: try readForm(&cursor)
                default: try readCount(Self.own[index], 1...10_000_000, &cursor) { maximumTokens = $0 }
                }
            if let problem { return problem }
        }
        if seen & 1 == 0 {
            return .invalid(
                "model is missing; name one of those at /v1/models", field: "model",
                code: "missing_required_parameter")
        }
        if seen & 2 == 0 {
            return .invalid(
                "messages is missing; give an array of messages", field: "messages",
                code: "missing_required_parameter")
        }
        return nil
    }

    /// Checks a member that is not read, by its place behind those that are.
    private mutating func readOther(_ index: Int, _ cursor: inout JSONCursor) throws(JSONFault)
        -> OpenAIError?
    {
        if Self.refused.indices.contains(index) {
            let name = "\(Self.refused[index])"
            return .invalid(
                "\(name) is not accepted: where requests go is decided by the gateway's configuration",
                field: name, code: "unsupported_parameter")
        }
        if index >= 0 {
            let (name, type) = Self.plain[index - Self.refused.count], kind = try cursor.peek()
            guard kind == .null || type.allows(kind) else { return Self.wrongType("\(name)", type.words) }
            if kind != .null, Self.binds[index - Self.refused.count] { isBound = true }
            if kind != .null { features.formUnion(Self.needs[index - Self.refused.count]) }
            if kind == .string, index - Self.refused.count == Self.effort {
                if cursor.index(of: try cursor.readString(), in: Self.efforts) < 0 {
                    features.insert(.thought)
                }
                return nil
            }
            if kind == .array, index - Self.refused.count == Self.modalities {
                guard try Modalities.haveAudio(&cursor) else { return nil }
                isBound = true
                features.insert(.speech)
                return nil
            }
            if kind == .string, index - Self.refused.count == Self.user {
                user = try cursor.readString()
                return nil
            }
        }
        try cursor.skipValue()
        return nil
    }

    private mutating func readModel(_ cursor: inout JSONCursor) throws(JSONFault) -> OpenAIError? {
        guard try cursor.peek() == .string else { return Self.wrongType("model", "a string") }
        let name = try cursor.readString()
        // A name of 256 bytes may be six times as long where it is written in escapes.
        model = cursor.decode(name, most: 6 * 256 + 1)
        modelRange = name.range.lowerBound - 1..<name.range.upperBound + 1
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
            while let key = try cursor.nextKey() {
                streamOptionsAreEmpty = false
                guard cursor.index(of: key, in: Self.includeUsageKey) == 0 else {
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
            while let key = try cursor.nextKey() {
                guard cursor.index(of: key, in: Self.formKeys) == 0, try cursor.peek() == .string else {
                    try cursor.skipValue()
                    continue
                }
                switch cursor.index(of: try cursor.readString(), in: Self.forms) {
                case 0: form = .object
                case 1: form = .schema
                default: break
                }
            }
        default: return Self.wrongType("response_format", "an object")
        }
        return nil
    }

    private func readCount(
        _ name: StaticString, _ range: ClosedRange<Int>, _ cursor: inout JSONCursor, _ take: (Int) -> Void
    )
        throws(JSONFault) -> OpenAIError?
    {
        switch try cursor.peek() {
        case .null: try cursor.readNull()
        case .number:
            guard let number = try cursor.readInt(), range.contains(number) else {
                return .invalid(
                    "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)",
                    field: "\(name)")
            }
            take(number)
        default: return Self.wrongType("\(name)", "a number")
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
            while let key = try cursor.nextKey() {
                let kind = try cursor.peek(), member = cursor.index(of: key, in: Self.messageKeys)
                switch member {
                case 0:
                    guard kind == .string else {
                        return Self.wrongType("messages[\(index)].role", "a string")
                    }
                    hasRole = true
                case 1:
                    guard kind == .string || kind == .array || kind == .null else {
                        return Self.wrongType("messages[\(index)].content", "a string or an array of parts")
                    }
                case 2:
                    guard kind == .array || kind == .null else {
                        return Self.wrongType("messages[\(index)].tool_calls", "an array")
                    }
                default: break
                }
                if member == 1, kind == .array {
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
