import Foundation
import Gateway

/// The file in which what is known of targets outlives the process.
struct StateFile: Sendable {
    /// Why it cannot be used, in words for the operator.
    struct Problem: Error {
        var text: String
        /// Whether there is something in it that is not what this program writes.
        var isForeign = false
    }

    private struct Head: Codable {
        static let format = "holdfast-state", version = 1

        var format = Self.format
        var version = Self.version
    }

    private struct Body: Codable {
        var format = Head.format
        var version = Head.version
        var records: TargetRecordsSnapshot
    }

    /// The largest file that is read, in bytes.
    private static let largest = 256 << 20

    let path: String

    /// Reads it.
    ///
    /// - Returns: Nil if there is none.
    func read() throws(Problem) -> TargetRecordsSnapshot? {
        guard let data = try bytes() else { return nil }
        let decoder = JSONDecoder()
        guard let head = try? decoder.decode(Head.self, from: data), head.format == Head.format else {
            throw Problem(text: "it is not a state file, or damaged", isForeign: true)
        }
        guard head.version == Head.version else {
            throw Problem(
                text: "it has version \(head.version), and this program knows version \(Head.version)",
                isForeign: true)
        }
        guard let body = try? decoder.decode(Body.self, from: data) else {
            throw Problem(text: "it is damaged", isForeign: true)
        }
        return body.records
    }

    private func bytes() throws(Problem) -> Data? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Self.problem("open")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw Problem(text: "it is not a file")
        }
        guard facts.st_size <= Self.largest else {
            throw Problem(text: "it is larger than \(Self.largest >> 20) MiB", isForeign: true)
        }
        do { return try file.read(upToCount: Self.largest) ?? Data() } catch {
            throw Problem(text: String("\(error)".prefix(200)))
        }
    }

    /// Writes it, so that whoever reads it finds the old or the new content as a whole, and only its owner can read it.
    func write(_ records: TargetRecordsSnapshot) throws(Problem) {
        let data: Data
        do { data = try JSONEncoder().encode(Body(records: records)) } catch {
            throw Problem(text: String("\(error)".prefix(200)))
        }
        let temporary = path + ".new"
        // What an earlier process left behind may have other rights.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.problem("create") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        do {
            try file.write(contentsOf: data)
            try file.synchronize()
        } catch {
            close(descriptor)
            unlink(temporary)
            throw Problem(text: String("\(error)".prefix(200)))
        }
        close(descriptor)
        guard rename(temporary, path) == 0 else {
            let problem = Self.problem("rename")
            unlink(temporary)
            throw problem
        }
    }

    /// Puts aside what cannot be read, so that it is not written over.
    ///
    /// - Returns: Where it is now; nil if it could not be moved.
    func putAside() -> String? {
        let aside = path + ".unreadable"
        return rename(path, aside) == 0 ? aside : nil
    }

    private static func problem(_ deed: String) -> Problem {
        Problem(text: "cannot \(deed): \(String(cString: strerror(errno)))")
    }
}
