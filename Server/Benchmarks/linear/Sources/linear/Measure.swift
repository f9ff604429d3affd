/// What is measured now. Set by the only thread.
nonisolated(unsafe) private var work: () -> Void = {}

/// The function that callgrind counts in, and after which it writes down the count; it is known by its name.
@inline(never)
func holdfastMeasured() {
    work()
}

/// A text that is hard to read in some way, of about `count` bytes.
struct Text: Sendable {
    var name: String
    var make: @Sendable (_ count: Int) -> [UInt8]

    init(_ name: String, _ make: @escaping @Sendable (_ count: Int) -> [UInt8]) {
        self.name = name
        self.make = make
    }

    /// `unit` again and again between a beginning and an end.
    init(_ name: String, _ start: String, _ unit: String, _ end: String = "", between: String = "") {
        self.init(name) { count in
            let unit = Array(unit.utf8), between = Array(between.utf8), end = Array(end.utf8)
            var bytes = Array(start.utf8)
            bytes.reserveCapacity(count + 64)
            var isFirst = true
            repeat {
                if !isFirst { bytes += between }
                bytes += unit
                isFirst = false
            } while bytes.count + unit.count + between.count + end.count <= count
            return bytes + end
        }
    }

    /// Units that are told apart by a number.
    init(
        numbered name: String, _ start: String, _ end: String = "", between: String = "",
        unit: @escaping @Sendable (Int) -> String
    ) {
        self.init(name) { count in
            var bytes = Array(start.utf8), number = 0
            while bytes.count + end.utf8.count < count {
                if number > 0 { bytes += between.utf8 }
                bytes += unit(number).utf8
                number += 1
            }
            return bytes + end.utf8
        }
    }
}

/// One reader and what it is given.
struct Reader: Sendable {
    var name: String
    var sizes = [64, 128, 256].map { $0 << 10 }
    var texts: [Text]
    var read: @Sendable ([UInt8]) -> Void

    /// Measures all texts in all sizes and prints in which order.
    func run() {
        for text in texts {
            for size in sizes {
                let bytes = text.make(size)
                work = { read(bytes) }
                holdfastMeasured()
                print("\(name)\t\(text.name)\t\(bytes.count)")
            }
        }
    }
}
