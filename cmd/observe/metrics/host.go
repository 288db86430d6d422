package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
)

// hosted are the numbers that a host's probe drives.
type hosted struct {
	step                        prometheus.Observer
	events                      prometheus.Counter
	write, sync, entries, bytes prometheus.Observer
	tasks                       [node.TaskPrune + 1]prometheus.Observer
	done, unknown               prometheus.Counter
	refused                     [codesMax]prometheus.Counter
	frames, frameBytes          prometheus.Counter
	ended                       [codesMax]prometheus.Counter
}

// codesMax is more than node.Code has.
const codesMax = 64

func (h *hosted) init(m *Metrics) {
	h.step = m.histogram("parley_loop_step_seconds", "How long a Step of the node took: all of it waits while one lasts.", short)
	h.events = m.counter("parley_loop_events_total", "Events that Steps were given: messages, requests, completions.")
	h.write = m.histogram("parley_log_write_seconds", "How long it took to hand a batch of the log to the system.", short)
	h.sync = m.histogram("parley_log_sync_seconds", "How long it took the disk to keep a batch of the log that was handed over.", short)
	h.entries = m.histogram("parley_log_batch_entries", "Entries in a batch of the log, which is one write and one sync.", prometheus.ExponentialBuckets(1, 4, 8))
	h.bytes = m.histogram("parley_log_batch_bytes", "Bytes of the entries in a batch of the log.", prometheus.ExponentialBuckets(256, 4, 9))
	tasks := m.histograms("parley_snapshot_task_seconds", "How long work on snapshots took: make one, read a piece for a peer, fetch, put a piece, load, prune.", human, "task")
	for k := node.TaskMake; k <= node.TaskPrune; k++ {
		h.tasks[k] = tasks.WithLabelValues(k.String())
	}
	answers := m.counters("parley_requests_total", "Requests to the node (commands, queries, pieces of files) by how they ended: done, refused for a reason, or of unknown outcome.", "outcome", "reason")
	h.done = answers.WithLabelValues(node.Done.String(), "")
	h.unknown = answers.WithLabelValues(node.Unknown.String(), convert.ReasonOutcomeUnknown)
	for c := range node.Code(codesMax) {
		if reason := convert.ReasonOf(c); reason != "" {
			h.refused[c] = answers.WithLabelValues(node.Refused.String(), reason)
		}
	}
	h.frames = m.counter("parley_event_frames_pushed_total", "Frames of events that were pushed to streams.")
	h.frameBytes = m.counter("parley_event_bytes_pushed_total", "Bytes of the frames of events that were pushed to streams.")
	ended := m.counters("parley_event_streams_ended_total", "Streams that the node ended, by reason: TOO_SLOW is a reader that was cut off with the position to resume from.", "reason")
	for _, c := range []node.Code{node.CodeTooSlow, node.CodeCompacted, node.CodeStopping, node.CodeReaderGone, node.CodeBusy, node.CodeNotFormed} {
		h.ended[c] = ended.WithLabelValues(convert.ReasonOf(c))
	}
}

// Probe counts what a host does (host.Config.Probe). Nothing that it does allocates.
func (m *Metrics) Probe() host.Probe {
	h := &m.host
	return host.Probe{
		Step: func(took time.Duration, events int) {
			h.step.Observe(took.Seconds())
			h.events.Add(float64(events))
		},
		Batch: func(b host.Batch) {
			h.write.Observe(b.Write.Seconds())
			h.sync.Observe(b.Sync.Seconds())
			h.entries.Observe(float64(b.Entries))
			h.bytes.Observe(float64(b.Bytes))
		},
		Task: func(kind node.TaskKind, took time.Duration, _ error) {
			if int(kind) < len(h.tasks) && h.tasks[kind] != nil {
				h.tasks[kind].Observe(took.Seconds())
			}
		},
		Answer: func(outcome node.Outcome, code node.Code) {
			switch {
			case outcome == node.Done:
				h.done.Inc()
			case outcome == node.Unknown:
				h.unknown.Inc()
			case int(code) < codesMax && h.refused[code] != nil:
				h.refused[code].Inc()
			}
		},
		Push: func(frames, bytes int) {
			h.frames.Add(float64(frames))
			h.frameBytes.Add(float64(bytes))
		},
		End: func(code node.Code) {
			if int(code) < codesMax && h.ended[code] != nil {
				h.ended[code].Inc()
			}
		},
	}
}
