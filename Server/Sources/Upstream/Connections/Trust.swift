import NIOSSL

/// Whose certificates are trusted: the system's authorities, and those of a file. Certificates and names are always
/// checked; there is no way to switch that off.
public final class Trust: Sendable {
    let context: NIOSSLContext

    /// Loads the authorities, which takes some milliseconds and megabytes: make one and share it.
    ///
    /// - Parameter additionalRoots: A PEM file with authorities to trust besides the system's.
    /// - Throws: When the file cannot be read or holds no certificate.
    public init(additionalRoots: String? = nil) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let additionalRoots {
            let certificates = try NIOSSLCertificate.fromPEMFile(additionalRoots)
            configuration.additionalTrustRoots = [.certificates(certificates)]
        }
        context = try NIOSSLContext(configuration: configuration)
    }
}
