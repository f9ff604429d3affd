import Testing
import Wall

/// The faults as data.
@Suite struct Faults {
    @Test func `each fault has a name and a sentence of its own`() {
        #expect(Set(Fault.all.map(\.name)).count == Fault.all.count)
        for fault in Fault.all {
            #expect(
                fault.name.hasPrefix("F\(fault.number)") && (5...50).contains(fault.number), "\(fault.name)")
            #expect(fault.about.hasSuffix("."), "\(fault.name)")
            #expect(Fault.named(fault.model)?.name == fault.name)
        }
        #expect(Fault.named("fault-F33")?.name == "F33-reset")
        #expect(Fault.named("fault-F3") == nil && Fault.named("good") == nil)
    }
}
