import Bytes

/// What is wrong with a JSON text, and where.
@usableFromInline
package struct JSONFault: Error, Sendable, Hashable {
    /// The kinds of fault.
    @usableFromInline
    package enum Kind: String, Sendable, Hashable {
        case unexpectedEnd = "ends too early"
        case unexpectedByte = "has an unexpected character"
        case controlCharacter = "has a control character inside a string"
        case badEscape = "has an invalid escape sequence"
        case loneSurrogate = "has half of a surrogate pair"
        case badNumber = "has an invalid number"
        case numberTooLong = "has a number of more than 64 characters"
        case numberTooLarge = "has a number that does not fit a double"
        case tooDeep = "is nested too deeply"
        case tooManyValues = "has too many values"
        case duplicateKey = "has a key twice"
        case trailingBytes = "goes on after its end"
        case notUTF8 = "is not valid UTF-8"
        case wrongType = "has a value of the wrong type"
    }

    /// What is wrong.
    @usableFromInline package var kind: Kind
    /// The offset of the byte at which it was noticed.
    @usableFromInline package var offset: Int

    /// Creates a mistake of a kind at a byte offset.
    @inlinable
    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// What is told of a text: one that is not valid UTF-8 is told as that, wherever else it is wrong.
    package func told(of bytes: UnsafeRawBufferPointer) -> JSONFault {
        bytes.isUTF8 ? self : JSONFault(.notUTF8, at: 0)
    }
}
