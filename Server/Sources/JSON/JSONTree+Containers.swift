extension JSONTree {
    /// From how many parts on a container keeps an index of them. Below, looking at all is quicker.
    private static let fewParts = 16

    /// The members of an object in their order. Joining many costs no more for each than joining a few.
    package struct Members: Sendable {
        package private(set) var list: [(name: String, value: JSONTree)]
        /// Where each name stands first; made when it is needed.
        private var places: [String: Int]?

        package init(_ list: [(name: String, value: JSONTree)] = []) {
            self.list = list
        }

        package mutating func set(_ name: String, _ value: JSONTree) {
            if let place = place(of: name) { list[place].value = value } else { append(name, value) }
        }

        /// Joins what a later part says of a member. One of `constant` keeps what was said first.
        package mutating func join(_ name: String, _ value: JSONTree, _ constant: Set<String>) {
            guard let place = place(of: name) else { return append(name, value) }
            if constant.contains(name), list[place].value != .null, list[place].value != .string([]) {
                return
            }
            list[place].value.merge(value, constant: constant)
        }

        package mutating func place(of name: String) -> Int? {
            guard list.count > fewParts else { return list.firstIndex { $0.name == name } }
            if places == nil {
                places = Dictionary(list.enumerated().map { ($1.name, $0) }) { first, _ in first }
            }
            return places?[name]
        }

        private mutating func append(_ name: String, _ value: JSONTree) {
            places?[name] = list.count
            list.append((name, value))
        }
    }

    /// The elements of an array.
    package struct Elements: Equatable, Sendable {
        package private(set) var list: [JSONTree]
        /// Where the first element with each `index` stands; made when it is needed.
        private var places: [Int: Int]?

        package init(_ list: [JSONTree] = []) {
            self.list = list
        }

        package static func == (left: Elements, right: Elements) -> Bool { left.list == right.list }

        /// An element with an index is the same element; others follow.
        package mutating func join(_ element: JSONTree, _ constant: Set<String>) {
            let index = element["index"]?.number
            if let index, let place = place(of: index) {
                list[place].merge(element, constant: constant)
            } else {
                if let index { places?[index] = list.count }
                list.append(element)
            }
        }

        private mutating func place(of index: Int) -> Int? {
            guard list.count > fewParts else { return list.firstIndex { $0["index"]?.number == index } }
            if places == nil {
                let indexed = list.enumerated().compactMap { place, element in
                    element["index"]?.number.map { ($0, place) }
                }
                places = Dictionary(indexed) { first, _ in first }
            }
            return places?[index]
        }
    }
}
