import Gateway
import NIOCore
import Resilience

/// `GET /metrics`.
struct MetricsPage: Sendable {
    let registry: PrometheusRegistry
    let gateway: Gateway
    let activity: FrontActivity

    func run(_ exchange: Exchange) async {
        let text = registry.text(samples())
        await exchange.send(
            status: 200, type: "text/plain; version=0.0.4; charset=utf-8", ByteBuffer(string: text))
    }

    private func samples() -> [PrometheusRegistry.Sample] {
        let now = gateway.now
        var samples = [
            PrometheusRegistry.Sample("holdfast_requests_in_flight", [], Double(activity.requests))
        ]
        for health in gateway.targets.measured {
            let snapshot = health.breaker.snapshot
            for state in [CircuitBreaker.State.closed, .open, .halfOpen, .isolated, .disabled] {
                samples.append(
                    .init(
                        "holdfast_breaker_state", [("target", health.label), ("state", state.rawValue)],
                        snapshot.state == state ? 1 : 0))
            }
            samples.append(
                .init(
                    "holdfast_target_cooling", [("target", health.label)],
                    health.cooling(at: now) == nil ? 0 : 1))
        }
        return samples
    }
}

/// What the metrics mean.
public enum MetricsHelp {
    /// The help text of each metric, by its name.
    public static let texts = [
        "holdfast_requests_total": "Chat requests that ended, by route and outcome.",
        "holdfast_attempts_total": "Attempts at a target, by class of failure; ok for none.",
        "holdfast_failovers_total":
            "Requests that another target than the first one asked had to be asked for.",
        "holdfast_streams_mended_total":
            "Streams that broke off and were gone on with by another target to their end.",
        "holdfast_stream_events_skipped_total":
            "Unreadable events of providers' streams that were passed over.",
        "holdfast_shadow_requests_total":
            "Requests of routes with a shadow, by the strategy that decided them and outcome.",
        "holdfast_shadow_differs_total":
            "Those of which the strategy that did not decide would have asked another target first.",
        "holdfast_shadow_gain_seconds":
            "Sum of the seconds by which the shadow's choices were expected to be quicker than the route's own.",
        "holdfast_shadow_gain_dollars":
            "Sum of the dollars by which the shadow's choices were expected to be cheaper than the route's own.",
        "holdfast_shadow_request_duration_seconds":
            "Time of requests of routes with a shadow, by the strategy that decided them.",
        "holdfast_retries_total": "Attempts at a target that had failed in the same request.",
        "holdfast_retries_scheduled_total": "Waits before such an attempt, whether it was made or not.",
        "holdfast_attempts_outrun_total":
            "Attempts that were given up, since another one beside them has answered.",
        "holdfast_retry_budget_exhausted_total": "Retries that the target's retry budget did not allow.",
        "holdfast_resends_total":
            "Requests sent again on a new connection, since the first one took nothing of them.",
        "holdfast_overhead_seconds": "Time of a request that was neither spent at providers nor waiting.",
        "holdfast_breaker_state": "1 for the state that the target's circuit breaker is in.",
        "holdfast_target_cooling":
            "1 while a target is left alone because it asked for it or does not accept its key.",
        "holdfast_requests_in_flight": "Requests that run now.",
        "holdfast_metric_series_refused": "Series that were not kept because there are too many.",
        "gen_ai_server_request_duration_seconds": "Time from a request's head to the end of its answer.",
        "gen_ai_server_time_to_first_token_seconds":
            "Time from asking a target to the first meaningful part of its stream.",
    ]
}
