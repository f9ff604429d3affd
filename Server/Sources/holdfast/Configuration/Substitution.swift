import Foundation

/// Puts environment variables and files into values: `${NAME}`, `${file:/run/secrets/key}`; `$$` stands for a dollar sign.
struct Substitution: Sendable {
    struct Problem: Error {
        var text: String
    }

    private static let maximumFile = 64 * 1024

    let environment: [String: String]

    func apply(_ text: String) -> Result<String, Problem> {
        guard text.contains("$") else { return .success(text) }
        var result = "", rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    return .failure(Problem(text: "a '${' has no '}'"))
                }
                let name = String(rest[rest.index(after: rest.startIndex)..<end])
                switch value(of: name) {
                case .success(let value): result += value
                case .failure(let problem): return .failure(problem)
                }
                rest = rest[rest.index(after: end)...]
            } else {
                result += "$"
            }
        }
        return .success(result + rest)
    }

    private func value(of name: String) -> Result<String, Problem> {
        guard name.hasPrefix("file:") else {
            guard let value = environment[name] else {
                return .failure(Problem(text: "the environment variable \(name.prefix(64)) is not set"))
            }
            return .success(value)
        }
        let path = String(name.dropFirst(5))
        guard let file = FileHandle(forReadingAtPath: path) else {
            return .failure(Problem(text: "the file \(path) cannot be read"))
        }
        defer { try? file.close() }
        guard let data = try? file.read(upToCount: Self.maximumFile + 1), data.count <= Self.maximumFile,
            let text = String(data: data, encoding: .utf8)
        else {
            return .failure(Problem(text: "the file \(path) is empty, larger than 64 KiB or no text"))
        }
        return .success(String(text.reversed().drop { $0.isNewline }.reversed()))
    }
}
