import Synchronization

/// What one body holds of the budget for all.
struct BodyHold {
    /// The first bytes of each body, which have a bound of their own: a caller whose share is used up can still send small
    /// requests.
    static let small = 16 << 10

    let address: String
    /// The name of the caller's key, where keys are needed.
    let key: String?
    fileprivate(set) var bytes = 0
    /// Of them, those that count for nobody, and those that count against the bound for first bytes; the others count
    /// against shares.
    fileprivate var loose = 0, first = 0

    fileprivate var shared: Int { bytes - loose - first }

    init(address: String, key: String?) {
        self.address = address
        self.key = key
    }
}

/// The bytes of bodies that are held now, over all connections, and how much of them each address and each key holds.
///
/// A sixteenth of the budget is for first bytes whoever sends them, so that on most days a small request takes no lock.
final class BodyBudget: Sendable {
    private let used = Atomic(0), loose = Atomic(0)
    private let limit: Int
    private let shares: Mutex<BodyShares>

    init(limit: Int) {
        self.limit = limit
        shares = Mutex(BodyShares(of: limit))
    }

    /// Takes `bytes` more for a body.
    ///
    /// - Returns: Whose bytes are too many, if any are; then nothing is taken.
    func take(_ bytes: Int, for hold: inout BodyHold) -> BodyShares.Holder? {
        guard used.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit else {
            used.wrappingSubtract(bytes, ordering: .relaxed)
            return .everybody
        }
        let first = min(bytes, max(0, BodyHold.small - hold.bytes)), isLoose = first > 0 && takeLoose(first)
        let others = isLoose ? bytes - first : bytes
        if others > 0 {
            let taken = shares.withLock { shares in
                shares.take(others, ofThemFirst: isLoose ? 0 : first, address: hold.address, key: hold.key)
            }
            switch taken {
            case .success(let first): hold.first += first
            case .failure(let full):
                if isLoose { loose.wrappingSubtract(first, ordering: .relaxed) }
                used.wrappingSubtract(bytes, ordering: .relaxed)
                return full
            }
        }
        hold.bytes += bytes
        if isLoose { hold.loose += first }
        return nil
    }

    private func takeLoose(_ bytes: Int) -> Bool {
        if loose.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit / 16 { return true }
        loose.wrappingSubtract(bytes, ordering: .relaxed)
        return false
    }

    /// Gives back all that a body holds.
    func giveBack(_ hold: BodyHold) {
        guard hold.bytes > 0 else { return }
        used.wrappingSubtract(hold.bytes, ordering: .relaxed)
        if hold.loose > 0 { loose.wrappingSubtract(hold.loose, ordering: .relaxed) }
        guard hold.bytes > hold.loose else { return }
        shares.withLock { shares in
            shares.giveBack(hold.shared, first: hold.first, address: hold.address, key: hold.key)
        }
    }
}

/// How much of the budget for bodies each address and each key holds.
///
/// A key may hold half of it, and so may an address that needs none. Callers with keys may come through one proxy, all
/// from its address: that one may hold three quarters. Of the first bytes of bodies each may hold a quarter as much beside
/// it; those beyond that count like others.
struct BodyShares {
    /// Who holds bytes.
    enum Holder: Hashable, Error {
        case everybody
        case address(String)
        case key(String)
    }

    private let limit: Int
    private var shared: [Holder: Int] = [:]
    private var first: [Holder: Int] = [:]

    init(of limit: Int) {
        self.limit = limit
    }

    /// Takes `bytes`.
    ///
    /// - Parameter first: How many of them are first bytes of a body.
    /// - Returns: How many were taken as first bytes; or whose share the others exceed, and then nothing is taken.
    mutating func take(_ bytes: Int, ofThemFirst first: Int = 0, address: String, key: String?)
        -> Result<Int, Holder>
    {
        let holders = Self.holders(address, key)
        let hasRoom =
            first > 0 && holders.allSatisfy { self.first[$0, default: 0] + first <= share(of: $0, key) / 4 }
        let others = hasRoom ? bytes - first : bytes
        if others > 0,
            let full = holders.first(where: { shared[$0, default: 0] + others > share(of: $0, key) })
        {
            return .failure(full)
        }
        for holder in holders {
            if hasRoom { self.first[holder, default: 0] += first }
            if others > 0 { shared[holder, default: 0] += others }
        }
        return .success(hasRoom ? first : 0)
    }

    mutating func giveBack(_ bytes: Int, first: Int = 0, address: String, key: String?) {
        for holder in Self.holders(address, key) {
            Self.giveBack(bytes, of: holder, in: &shared)
            Self.giveBack(first, of: holder, in: &self.first)
        }
    }

    private static func giveBack(_ bytes: Int, of holder: Holder, in held: inout [Holder: Int]) {
        guard bytes > 0 else { return }
        let left = held[holder, default: 0] - bytes
        held[holder] = left > 0 ? left : nil
    }

    /// The key is named first when both are full.
    private static func holders(_ address: String, _ key: String?) -> [Holder] {
        key.map { [.key($0), .address(address)] } ?? [.address(address)]
    }

    private func share(of holder: Holder, _ key: String?) -> Int {
        if case .address = holder, key != nil { return limit / 4 * 3 }
        return limit / 2
    }

    /// Whether nobody holds anything.
    var isEmpty: Bool { shared.isEmpty && first.isEmpty }
}
