/// Text for a page of HTML and the drawings in it.
enum Markup {
    /// Text that stands for itself, in an element as in an attribute. Characters that XML forbids become `?`.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r": result += " "
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value): result += "?"
            case _ where scalar.value & 0xFFFE == 0xFFFE: result += "?"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Escaped text of at most so many characters, the last one `…` where some are missing.
    static func short(_ text: String, _ most: Int) -> String {
        escaped(text.count > most ? text.prefix(most - 1) + "…" : text)
    }

    /// A coordinate with at most one decimal. What is no number or far outside of any drawing is moved to its edge.
    static func coordinate(_ value: Double) -> String {
        let tenths = value.isNaN ? 0 : Int((min(max(value, -99_999), 99_999) * 10).rounded())
        let sign = tenths < 0 ? "-" : ""
        let (whole, rest) = (abs(tenths) / 10, abs(tenths) % 10)
        return rest == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(rest)"
    }

    /// A drawing with the name and the description that those who do not see it are read.
    ///
    /// - Parameter id: Names the drawing's parts; unique on its page.
    static func drawing(
        id: String, width: Double, height: Double, title: String, about: String, _ parts: [String]
    )
        -> String
    {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(coordinate(width)) \(coordinate(height))" role="img" \
        aria-labelledby="\(id)t \(id)d">
        <title id="\(id)t">\(escaped(title))</title>
        <desc id="\(id)d">\(escaped(about))</desc>
        \(parts.joined(separator: "\n"))
        </svg>
        """
    }

    /// A line of text in a drawing; the text is escaped already.
    static func text(_ x: Double, _ y: Double, _ text: String, anchor: String = "start", kind: String = "")
        -> String
    {
        let kind = kind.isEmpty ? "" : " class=\"\(kind)\""
        let anchor = anchor == "start" ? "" : " text-anchor=\"\(anchor)\""
        return "<text x=\"\(coordinate(x))\" y=\"\(coordinate(y))\"\(anchor)\(kind)>\(text)</text>"
    }

    /// A straight line in a drawing.
    static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, kind: String) -> String {
        "<path class=\"\(kind)\" d=\"M\(coordinate(x1)) \(coordinate(y1))L\(coordinate(x2)) \(coordinate(y2))\"/>"
    }
}
