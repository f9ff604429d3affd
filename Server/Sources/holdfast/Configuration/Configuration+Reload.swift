// What a reload cannot change.
extension Configuration {
    /// The names of the settings in which `next` differs from this one, with which the process was started, although they
    /// are only read at the start.
    func pendingChanges(in next: Configuration) -> [String] {
        let (one, other) = (server, next.server), (log, nextLog) = (logging, next.logging)
        let settings = [
            ("server.host", one.host == other.host), ("server.port", one.port == other.port),
            ("server.max_body", one.maximumBody == other.maximumBody),
            ("server.body_time", one.bodyTime == other.bodyTime),
            ("server.max_connections", one.maximumConnections == other.maximumConnections),
            (
                "server.max_connections_per_address",
                one.maximumConnectionsPerAddress == other.maximumConnectionsPerAddress
            ), ("server.drain", one.drain == other.drain), ("server.threads", one.threads == other.threads),
            ("server.state_file", one.stateFile == other.stateFile),
            ("logging.level", log.level == nextLog.level),
            ("logging.format", log.format == nextLog.format),
            ("logging.access", log.access == nextLog.access),
        ]
        return settings.filter { !$0.1 }.map(\.0)
    }
}
