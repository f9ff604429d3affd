/// How long a provider asks to wait, in the forms in which its texts and fields say it.
package enum WaitText {
    /// The longest wish that is believed: a year.
    package static let longest = Duration.seconds(31_536_000)

    /// The wait in a sentence like `Please try again in 6m0s.`
    package static func inSentence(_ text: String) -> Duration? {
        let words = text.split(separator: " ")
        guard
            let start = words.indices.dropLast(3).first(where: {
                words[$0...].starts(with: ["try", "again", "in"])
            })
        else {
            return nil
        }
        var wish = words[start + 3].prefix { $0.isNumber || $0.isLetter || $0 == "." }
        while wish.last == "." { wish.removeLast() }
        return goDuration(wish)
    }

    /// Seconds, also with a fraction, of at most a year.
    package static func seconds(_ text: String) -> Duration? {
        guard !text.isEmpty, text.utf8.count <= 20,
            text.utf8.allSatisfy({ $0 == 0x2E || (0x30...0x39).contains($0) }),
            let value = Double(text)
        else { return nil }
        return .milliseconds(Int64(min(value, 31_536_000) * 1000))
    }

    /// A duration like `1h2m3.5s` or `120ms`, as Go writes it, of at most a year.
    package static func goDuration(_ text: Substring) -> Duration? {
        var rest = text, total = Duration.zero
        while !rest.isEmpty, rest.first?.isNumber == true {
            let number = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard number.utf8.count <= 12, let value = Double(number) else { return nil }
            let scale: Double
            switch unit {
            case "us", "µs": scale = 0.000_001
            case "ms": scale = 0.001
            case "s": scale = 1
            case "m": scale = 60
            case "h": scale = 3600
            case "d": scale = 86_400
            default: return nil
            }
            total += .milliseconds(Int64(min(value * scale, 31_536_000) * 1000))
        }
        return rest.isEmpty && total > .zero ? min(total, longest) : nil
    }
}
