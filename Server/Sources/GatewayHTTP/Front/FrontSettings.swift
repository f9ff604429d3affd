/// What a front allows its callers: every bound that keeps one of them from harming the others.
public struct FrontSettings: Sendable, Hashable {
    /// The address to listen at. Default: 127.0.0.1.
    public var host: String
    /// The port; 0 for any that is free.
    public var port: Int
    /// The most connections at a time; further ones wait to be accepted. Default: 10,000.
    public var maximumConnections: Int
    /// The most connections from one address; further ones are closed. Default: 8,000.
    public var maximumConnectionsPerAddress: Int
    /// The most bytes of bodies that are held at a time, over all connections. Default: 256 MiB.
    public var maximumBodiesInFlight: Int
    /// How long a request's head may take, from its first byte. Default: 10 s.
    public var headTime: Duration
    /// How long a whole body may take. Default: 5 minutes.
    public var bodyTime: Duration
    /// The time over which the rate of a body is measured. Default: 10 s.
    public var bodyWindow: Duration
    /// The least bytes a second of a body, on average over every ``bodyWindow``. Default: 1,024.
    public var minimumBodyRate: Int
    /// How long a connection may wait for its next request. Default: 60 s.
    public var idleTime: Duration
    /// How long a caller may leave everything that is sent to it unread. Default: 60 s.
    public var writeTime: Duration

    /// Creates settings.
    public init(
        host: String = "127.0.0.1", port: Int = 8080, maximumConnections: Int = 10_000,
        maximumConnectionsPerAddress: Int = 8000, maximumBodiesInFlight: Int = 256 << 20,
        headTime: Duration = .seconds(10), bodyTime: Duration = .seconds(300),
        bodyWindow: Duration = .seconds(10), minimumBodyRate: Int = 1024,
        idleTime: Duration = .seconds(60), writeTime: Duration = .seconds(60)
    ) {
        self.host = host
        self.port = port
        self.maximumConnections = maximumConnections
        self.maximumConnectionsPerAddress = maximumConnectionsPerAddress
        self.maximumBodiesInFlight = maximumBodiesInFlight
        self.headTime = headTime
        self.bodyTime = bodyTime
        self.bodyWindow = bodyWindow
        self.minimumBodyRate = minimumBodyRate
        self.idleTime = idleTime
        self.writeTime = writeTime
    }

    /// The least bytes of a body that must come within each ``bodyWindow``.
    var minimumBodyInWindow: Int {
        Int((bodyWindow / .seconds(1) * Double(minimumBodyRate)).rounded())
    }
}
