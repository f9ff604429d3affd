import Synchronization

/// What one body holds of the budget for all.
struct BodyHold {
    /// The first bytes of each body, which count only against the whole: they are too few to lock anybody out, and a
    /// caller whose share is used up can still send small requests.
    static let small = 16 << 10

    let address: String
    /// The name of the caller's key, where keys are needed.
    let key: String?
    fileprivate(set) var bytes = 0

    /// The bytes that count against shares.
    fileprivate var shared: Int { max(0, bytes - Self.small) }

    init(address: String, key: String?) {
        self.address = address
        self.key = key
    }
}

/// The bytes of bodies that are held now, over all connections, and how much of them each address and each key holds.
final class BodyBudget: Sendable {
    private let used = Atomic(0)
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
        let before = hold.shared
        hold.bytes += bytes
        let more = hold.shared - before
        var full: BodyShares.Holder?
        if used.wrappingAdd(bytes, ordering: .relaxed).newValue > limit {
            full = .everybody
        } else if more > 0 {
            full = shares.withLock { $0.take(more, address: hold.address, key: hold.key) }
        }
        guard full != nil else { return nil }
        hold.bytes -= bytes
        used.wrappingSubtract(bytes, ordering: .relaxed)
        return full
    }

    /// Gives back all that a body holds.
    func giveBack(_ hold: BodyHold) {
        guard hold.bytes > 0 else { return }
        used.wrappingSubtract(hold.bytes, ordering: .relaxed)
        let shared = hold.shared
        if shared > 0 { shares.withLock { $0.giveBack(shared, address: hold.address, key: hold.key) } }
    }
}

/// How much of the budget for bodies each address and each key holds.
///
/// A key may hold half of it, and so may an address that needs none. Callers with keys may come through one proxy, all
/// from its address: that one may hold three quarters.
struct BodyShares {
    /// Who holds bytes.
    enum Holder: Hashable {
        case everybody
        case address(String)
        case key(String)
    }

    private let limit: Int
    private var held: [Holder: Int] = [:]

    init(of limit: Int) {
        self.limit = limit
    }

    /// Takes `bytes`.
    ///
    /// - Returns: Whose share they exceed, if they do; then nothing is taken.
    mutating func take(_ bytes: Int, address: String, key: String?) -> Holder? {
        let byAddress = Holder.address(address), byKey = key.map { Holder.key($0) }
        if let byKey, held[byKey, default: 0] + bytes > limit / 2 { return byKey }
        guard held[byAddress, default: 0] + bytes <= (key == nil ? limit / 2 : limit / 4 * 3) else {
            return byAddress
        }
        held[byAddress, default: 0] += bytes
        if let byKey { held[byKey, default: 0] += bytes }
        return nil
    }

    mutating func giveBack(_ bytes: Int, address: String, key: String?) {
        for holder in [.address(address), key.map { Holder.key($0) }].compactMap(\.self) {
            let left = held[holder, default: 0] - bytes
            held[holder] = left > 0 ? left : nil
        }
    }

    /// Whether nobody holds anything.
    var isEmpty: Bool { held.isEmpty }
}
