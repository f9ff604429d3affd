import Crypto

/// The digest by which a key is known: SHA-256.
struct KeyDigest: Hashable, Sendable {
    private let first: UInt64, second: UInt64, third: UInt64, fourth: UInt64

    /// The digest of a key's bytes.
    init(_ key: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(bufferPointer: key)
        (first, second, third, fourth) = hash.finalize().withUnsafeBytes { digest in
            func word(_ index: Int) -> UInt64 {
                digest.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self).bigEndian
            }
            return (word(0), word(1), word(2), word(3))
        }
    }

    /// The digest in hexadecimal.
    var text: String {
        [first, second, third, fourth].reduce(into: "") { text, word in
            let digits = String(word, radix: 16)
            text += String(repeating: "0", count: 16 - digits.count) + digits
        }
    }

    /// Takes the same time wherever two digests differ.
    static func == (left: KeyDigest, right: KeyDigest) -> Bool {
        (left.first ^ right.first) | (left.second ^ right.second) | (left.third ^ right.third)
            | (left.fourth ^ right.fourth) == 0
    }

    func hash(into hasher: inout Hasher) {
        // Any word of a digest is as good as all of them.
        hasher.combine(first)
    }
}
