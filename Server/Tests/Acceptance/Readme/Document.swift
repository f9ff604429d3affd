import Foundation

/// A document's blocks of code, in order.
struct Document {
    /// One block between fences.
    struct Block {
        /// What stands behind the opening fence; empty for nothing.
        var language: String
        var text: String
        /// The line of its opening fence, counted from 1.
        var line: Int
        /// Whether it follows the block before it without a word between them.
        var followsAtOnce: Bool

        var firstLine: String { text.split(separator: "\n").first.map(String.init) ?? "" }
        /// Whether it shows what the block before it prints.
        var isOutput: Bool { followsAtOnce && (language == "" || language == "json") }
    }

    let blocks: [Block]

    init(_ text: String) {
        var blocks: [Block] = [], open: (language: String, line: Int, lines: [String])?
        var lastEnd = 0
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            let number = index + 1
            guard line.hasPrefix("```") else {
                open?.lines.append(line)
                continue
            }
            if let block = open {
                blocks.append(
                    Block(
                        language: block.language, text: block.lines.joined(separator: "\n"), line: block.line,
                        followsAtOnce: block.line == lastEnd + 1))
                (open, lastEnd) = (nil, number)
            } else {
                open = (String(line.dropFirst(3)), number, [])
            }
        }
        self.blocks = blocks
    }

    /// The file of that name at the top of the package.
    static func named(_ name: String) throws -> Document {
        Document(try String(contentsOf: GatewayProcess.root.appendingPathComponent(name), encoding: .utf8))
    }
}
