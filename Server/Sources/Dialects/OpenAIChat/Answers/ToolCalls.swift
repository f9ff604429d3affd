import JSON

/// Whether the tool calls of an answer are whole: each has a name, and its arguments end where their JSON ends. Half a
/// call looks like one to a program, and running it is worse than an error.
///
/// Arguments that a model wrote wrongly but to their end pass; that is the caller's to judge.
struct ToolCalls {
    private enum Member: String, JSONMember { case index, function, type }
    private enum FunctionMember: String, JSONMember { case name, arguments }
    private static let members = JSONKeys<Member>()
    private static let functionMembers = JSONKeys<FunctionMember>()

    private struct Call {
        var hasName = false
        var isFunction = true
        var arguments = OpenJSON()

        var isWhole: Bool { !isFunction || hasName && !arguments.isOpen }
    }

    private struct Key: Hashable {
        var choice: Int
        var index: Int
    }

    private var calls: [Key: Call] = [:]
    /// How many calls of each choice are not whole.
    private var unfinished: [Int: Int] = [:]

    /// Notes the calls, or pieces of calls, in the array `data`.
    mutating func note(_ data: UnsafeRawBufferPointer, choice: Int) {
        var cursor = JSONCursor(data)
        try? read(&cursor, choice)
    }

    /// Whether all calls of a choice are whole.
    func areWhole(choice: Int) -> Bool {
        unfinished[choice, default: 0] == 0
    }

    /// Reads what was read without fault before.
    private mutating func read(_ cursor: inout JSONCursor, _ choice: Int) throws(JSONFault) {
        try cursor.enterArray()
        var place = 0
        while try cursor.nextElement() {
            guard try cursor.peek() == .object else {
                try cursor.skipValue()
                continue
            }
            defer { place += 1 }
            var index = place, name = false, isFunction = true, pieces: [String] = []
            try cursor.enterObject()
            while let key = try cursor.nextKey(of: Self.members) {
                switch (key.member, try cursor.peek()) {
                case (.index, .number): index = try cursor.readInt() ?? place
                case (.function, .object): try readFunction(&cursor, &name, &pieces)
                case (.type, .string): isFunction = cursor.decode(try cursor.readString()) == "function"
                default: try cursor.skipValue()
                }
            }
            let known = calls.removeValue(forKey: Key(choice: choice, index: index))
            if known?.isWhole == false { unfinished[choice, default: 0] -= 1 }
            // An index that no list of calls has is no reason to keep one for ever.
            guard calls.count < 1024 else { continue }
            var call = known ?? Call()
            call.hasName = call.hasName || name
            call.isFunction = call.isFunction && isFunction
            for piece in pieces { call.arguments.add(piece.utf8) }
            if !call.isWhole { unfinished[choice, default: 0] += 1 }
            calls[Key(choice: choice, index: index)] = call
        }
    }

    private func readFunction(
        _ cursor: inout JSONCursor, _ name: inout Bool, _ pieces: inout [String]
    ) throws(JSONFault) {
        try cursor.enterObject()
        while let key = try cursor.nextKey(of: Self.functionMembers) {
            switch (key.member, try cursor.peek()) {
            case (.name, .string): name = try !cursor.readString().range.isEmpty || name
            case (.arguments, .string): pieces.append(cursor.decode(try cursor.readString()))
            default: try cursor.skipValue()
            }
        }
    }
}

/// Whether a JSON text that arrives in pieces has been left open: in a string, or with a bracket that is not closed.
struct OpenJSON: Hashable {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    var isOpen: Bool { isInString || depth > 0 }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if isEscaped {
                isEscaped = false
            } else if isInString {
                if byte == UInt8(ascii: "\\") { isEscaped = true }
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth = max(0, depth - 1)
                default: break
                }
            }
        }
    }
}
