package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// planHeader is the first line of a plan; the number is the format's version.
const planHeader = "parley plan 1"

var (
	faultNames = []string{"", "crash-process", "crash-machine", "isolate", "split", "oneway", "deaf", "mute",
		"pause", "drift", "freeze", "jump", "loss", "slow", "stall", "disk-error",
		"add-node", "remove-node", "promote-node", "transfer", "corrupt-state", "upgrade",
		"rot", "lost-write", "misdirect", "read-error", "write-error", "sync-error", "full", "wipe",
		"corrupt", "substitute", "clog", "capacity", "flap", "ring", "bridge", "dir-error", "slow-apply", "lying-disk", "backup"}
	fileNames   = []string{"", "log", "seal", "identity", "snapshot", "blob", "other"}
	stageNames  = []string{"now", "submit", "write", "sync", "operation", "vote", "elected", "commit", "recovery", "transfer", "download", "failure", "leave", "decode", "install"}
	restNames   = []string{"", "well", "down", "cut", "deaf", "mute", "stuck"}
	targetNames = []string{"", "leader", "all", "follower", "majority"} // of -1, -2, …

	schedulerNames = []string{"uniform", "priority", "delay-bounded"}
)

// String names the kind as plans write it.
func (k FaultKind) String() string { return nameOf(faultNames, int(k)) }

// String names the stage as plans write it.
func (s Stage) String() string { return nameOf(stageNames, int(s)) }

// String names the kind as plans write it.
func (k RestKind) String() string { return nameOf(restNames, int(k)) }

// String names the target as plans write it.
func (t Target) String() string {
	if t > 0 {
		return strconv.Itoa(int(t))
	}
	return nameOf(targetNames, int(-t))
}

// String names the kind as plans write it.
func (k FileKind) String() string { return nameOf(fileNames, int(k)) }

// String names the scheduler as plans write it.
func (k SchedulerKind) String() string { return nameOf(schedulerNames, int(k)) }

// nameOf returns a name, or a number for what has none.
func nameOf(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return "#" + strconv.Itoa(i)
}

// valueOf is the way back; zero names nothing.
func valueOf(names []string, name string) (int, bool) {
	for i, n := range names {
		if n == name && n != "" {
			return i, true
		}
	}
	return 0, false
}

// Format writes the plan as text, one thing a line:
//
//	parley plan 1
//	seed 7
//	nodes 3
//	spares 1
//	old 1,3 level=2
//	duration 60s
//	heal 44s core=1,3
//	rest 2 down
//	node election=250ms heartbeat=50ms segment=16384 loop=200us
//	limits append=2 inflight=4 uncommitted=0 idle=0s
//	lease 200ms ppm=50000 without=3
//	requests age=6s max=8
//	link delay=150us spread=400us tail=5 tailmax=30ms loss=10 duplicate=5 told=500 fifo=no
//	bulk delay=3ms spread=1ms capacity=8
//	disk write=20us..90us sync=100us..2ms slow=3 slowmax=80ms
//	clock 1 ppm=120 wall=-3s
//	client every=40ms pipeline=2 read=300 stale=100 text=64 patience=2s timeout=1s quit=20 close=10 nap=20 once=300 again=200 clash=100 lock=300 names=2 ttl=1.5s user=1 until=30s anywhere=yes
//	subscriber stay=5s slow=300ms
//	events max=40
//	blobs chunk=256 pin=8s grace=1s
//	uploader every=500ms bytes=3000 piece=700 read=300 patience=3s timeout=800ms again=950 files=3 user=2
//	locks expiries=1 max=3
//	team edge=400ms gone=2s mode=1 users=5 logins=3 edits=2 reactions=2 search=30 quota=9000 idle=8s secrets=5s
//	teammate user=1 every=200ms pipeline=2 read=400 stale=100 once=200 govern=200 account=60 guess=100 patience=3s timeout=800ms quit=20 nap=20 close=10 stay=5s share=yes anywhere=yes
//	scheduler priority points=3 within=30000 window=2ms wait=60ms
//	fault at=2.1s isolate node=leader for=800ms
//	fault at=3s add-node node=4 from=2
//	fault at=4s upgrade node=1 for=300ms
//	fault at=4s backup node=leader
//	fault at=4s corrupt rate=100 bits=2 from=1 for=2s
//	fault at=4s ring side=3,1,5,2,4 for=2s
//	fault at=5s corrupt-state node=2
//	fault at=4s rot node=2 file=log off=8200 bits=2
//
// A plan in which something is lost for good says "expect lost" behind its rests.
// Rates are per 1,000. Lines may be taken out, and '#' begins a comment. A seed, a link, bulk lanes
// or a disk of nothing but zeros has no line.
func (p *Plan) Format() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(planHeader)
	if p.Seed != 0 {
		line("seed %d", p.Seed)
	}
	line("nodes %d", p.Nodes)
	if p.Spares > 0 {
		line("spares %d", p.Spares)
	}
	if len(p.Old) > 0 {
		level := ""
		if p.OldLevel > 0 {
			level = " level=" + formatUint(uint64(p.OldLevel))
		}
		line("old %s%s", formatIDs(p.Old), level)
	}
	line("duration %s", formatDuration(p.Duration))
	line("heal %s core=%s", formatDuration(p.Heal), formatIDs(p.Core))
	for _, r := range p.Rest {
		line("rest %d %s", r.Node, r.Kind)
	}
	if p.Lost {
		line("expect lost")
	}
	line("node election=%s heartbeat=%s segment=%d loop=%s",
		formatDuration(p.Node.Election), formatDuration(p.Node.Heartbeat), p.Node.Segment, formatDuration(p.Node.Loop))
	if n := &p.Node; n.Append+n.Inflight+n.Uncommitted+int64(n.Idle)+n.Deliver+n.Push+n.Frames+n.Snapshot > 0 {
		line("limits append=%d inflight=%d uncommitted=%d idle=%s deliver=%d push=%d frames=%d snapshot=%d",
			n.Append, n.Inflight, n.Uncommitted, formatDuration(n.Idle), n.Deliver, n.Push, n.Frames, n.Snapshot)
	}
	if n := &p.Node; n.Lease > 0 {
		without := ""
		if len(n.LeaseLess) > 0 {
			without = " without=" + formatIDs(n.LeaseLess)
		}
		line("lease %s ppm=%d%s", formatDuration(n.Lease), n.LeasePPM, without)
	}
	if r := &p.Requests; int64(r.Age)+r.Max > 0 {
		line("requests age=%s max=%d", formatDuration(r.Age), r.Max)
	}
	if l := &p.Link; *l != (LinkPlan{}) {
		line("link delay=%s spread=%s tail=%d tailmax=%s loss=%d duplicate=%d told=%d fifo=%s",
			formatDuration(l.Delay), formatDuration(l.Spread), l.Tail, formatDuration(l.TailMax), l.Loss, l.Duplicate, l.Told, yesNo(l.FIFO))
	}
	if b := &p.Bulk; *b != (BulkPlan{}) {
		line("bulk delay=%s spread=%s capacity=%d", formatDuration(b.Delay), formatDuration(b.Spread), b.Capacity)
	}
	if d := &p.Disk; *d != (DiskPlan{}) {
		line("disk write=%s sync=%s slow=%d slowmax=%s",
			formatRange(d.WriteMin, d.WriteMax), formatRange(d.SyncMin, d.SyncMax), d.Slow, formatDuration(d.SlowMax))
	}
	for _, c := range p.Clocks {
		line("clock %d ppm=%d wall=%s", c.Node, c.PPM, formatDuration(c.Wall))
	}
	for _, c := range p.Clients {
		more := ""
		if c.Close > 0 {
			more = " close=" + formatUint(uint64(c.Close))
		}
		if c.Nap > 0 {
			more += " nap=" + formatUint(uint64(c.Nap))
		}
		if c.Once > 0 {
			more += fmt.Sprintf(" once=%d again=%d clash=%d", c.Once, c.Again, c.Clash)
		}
		if c.Lock > 0 {
			more += fmt.Sprintf(" lock=%d names=%d ttl=%s", c.Lock, c.Names, formatDuration(c.TTL))
		}
		if c.User > 0 {
			more += " user=" + formatUint(uint64(c.User))
		}
		if c.Until > 0 {
			more += " until=" + formatDuration(c.Until)
		}
		if c.Anywhere {
			more += " anywhere=yes"
		}
		if c.At != 0 {
			more += " at=" + formatUint(uint64(c.At))
		}
		line("client every=%s pipeline=%d read=%d stale=%d text=%d patience=%s timeout=%s quit=%d%s",
			formatDuration(c.Every), c.Pipeline, c.Read, c.Stale, c.Text, formatDuration(c.Patience), formatDuration(c.Timeout), c.Quit, more)
	}
	for _, s := range p.Subscribers {
		slow := ""
		if s.Slow > 0 {
			slow = " slow=" + formatDuration(s.Slow)
		}
		line("subscriber stay=%s%s", formatDuration(s.Stay), slow)
	}
	if b := &p.Blobs; b.Chunk+int64(b.Pin)+int64(b.Grace) > 0 {
		line("blobs chunk=%d pin=%s grace=%s", b.Chunk, formatDuration(b.Pin), formatDuration(b.Grace))
	}
	for _, u := range p.Uploaders {
		more := ""
		if u.Again > 0 {
			more = fmt.Sprintf(" again=%d files=%d", u.Again, u.Files)
		}
		if u.User > 0 {
			more += " user=" + formatUint(uint64(u.User))
		}
		line("uploader every=%s bytes=%d piece=%d read=%d patience=%s timeout=%s%s",
			formatDuration(u.Every), u.Bytes, u.Piece, u.Read, formatDuration(u.Patience), formatDuration(u.Timeout), more)
	}
	if l := &p.Locks; *l != (LockPlan{}) {
		line("locks expiries=%d max=%d", l.Expiries, l.Max)
	}
	if p.Events > 0 {
		line("events max=%d", p.Events)
	}
	p.formatTeam(line)
	if s := &p.Scheduler; s.Kind != SchedulerUniform {
		line("scheduler %s points=%d within=%d window=%s wait=%s", s.Kind, s.Points, s.Within, formatDuration(s.Window), formatDuration(s.Wait))
	}
	for i := range p.Faults {
		line("%s", p.Faults[i].String())
	}
	return b.String()
}

// String writes the fault as its line of a plan.
func (f *Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fault at=%s %s", formatDuration(f.At), f.Kind)
	if f.Node != 0 {
		fmt.Fprintf(&b, " node=%s", f.Node)
	}
	if len(f.Side) > 0 {
		fmt.Fprintf(&b, " side=%s", formatIDs(f.Side))
	}
	if f.From != 0 {
		fmt.Fprintf(&b, " from=%d", f.From)
	}
	if f.To != 0 {
		fmt.Fprintf(&b, " to=%d", f.To)
	}
	if f.On != StageNow {
		fmt.Fprintf(&b, " on=%s", f.On)
	}
	if f.After != 0 {
		fmt.Fprintf(&b, " after=%d", f.After)
	}
	if f.For != 0 {
		fmt.Fprintf(&b, " for=%s", formatDuration(f.For))
	}
	if f.Rate != 0 {
		fmt.Fprintf(&b, " rate=%d", f.Rate)
	}
	if f.Factor != 0 {
		fmt.Fprintf(&b, " factor=%d", f.Factor)
	}
	if f.PPM != 0 {
		fmt.Fprintf(&b, " ppm=%d", f.PPM)
	}
	if f.By != 0 {
		fmt.Fprintf(&b, " by=%s", formatDuration(f.By))
	}
	if f.File != 0 {
		fmt.Fprintf(&b, " file=%s", f.File)
	}
	if f.Off != 0 {
		fmt.Fprintf(&b, " off=%d", f.Off)
	}
	if f.Bits != 0 {
		fmt.Fprintf(&b, " bits=%d", f.Bits)
	}
	switch f.Index {
	case 0:
	case LastEntry:
		b.WriteString(" index=last")
	default:
		fmt.Fprintf(&b, " index=%d", f.Index)
	}
	if f.Beyond {
		b.WriteString(" beyond=yes")
	}
	if f.Packets != 0 {
		fmt.Fprintf(&b, " packets=%d", f.Packets)
	}
	if f.Period != 0 {
		fmt.Fprintf(&b, " period=%s", formatDuration(f.Period))
	}
	return b.String()
}

// Parse reads what Format wrote, or what a person made of it. An error names
// the line and what is wrong with it.
func Parse(text string) (*Plan, error) {
	p := &Plan{}
	header := false
	number := 0
	said := map[string]int{} // where each kind of line was last
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if i := strings.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if !header {
			if line != planHeader {
				return nil, fmt.Errorf("plan line %d: want %q first", number, planHeader)
			}
			header = true
			continue
		}
		w := newWords(line)
		what := w.word()
		p.parseLine(what, w)
		if err := w.finish(); err != nil {
			return nil, fmt.Errorf("plan line %d: %w", number, err)
		}
		if said[what] > 0 && !slices.Contains(severalOf, what) {
			return nil, fmt.Errorf("plan line %d: there is a line %q already, line %d", number, what, said[what])
		}
		said[what] = number
	}
	if !header {
		return nil, fmt.Errorf("plan: empty; want %q first", planHeader)
	}
	return p, p.check()
}

// severalOf are the lines of which there may be many. Of all others a second one would take the first one's place without a word.
var severalOf = []string{"rest", "clock", "client", "subscriber", "uploader", "teammate", "fault"}

// parseLine reads one line, behind its first word, into the plan.
func (p *Plan) parseLine(what string, w *words) {
	switch what {
	case "seed":
		p.Seed = w.unsigned(w.word())
	case "nodes":
		p.Nodes = int(min(w.unsigned(w.word()), nodeNumberMax))
	case "spares":
		p.Spares = int(min(w.unsigned(w.word()), nodeNumberMax))
	case "old":
		p.Old, p.OldLevel = w.idList(w.word()), w.integerOf("level")
	case "duration":
		p.Duration = w.duration(w.word())
	case "heal":
		p.Heal = w.duration(w.word())
		p.Core = w.ids("core")
	case "rest":
		r := Rest{Node: w.node(w.word())}
		r.Kind = RestKind(w.name(restNames, w.word()))
		p.Rest = append(p.Rest, r)
	case "expect":
		if what := w.word(); what != "lost" {
			w.fail("unknown word %q", what)
		}
		p.Lost = true
	case "node":
		n := &p.Node
		n.Election, n.Heartbeat = w.durationOf("election"), w.durationOf("heartbeat")
		n.Segment, n.Loop = w.integerOf("segment"), w.durationOf("loop")
	case "limits":
		n := &p.Node
		n.Append, n.Inflight = w.integerOf("append"), w.integerOf("inflight")
		n.Uncommitted, n.Idle = w.integerOf("uncommitted"), w.durationOf("idle")
		n.Deliver, n.Push, n.Frames = w.integerOf("deliver"), w.integerOf("push"), w.integerOf("frames")
		n.Snapshot = w.integerOf("snapshot")
	case "lease":
		n := &p.Node
		n.Lease, n.LeasePPM, n.LeaseLess = w.duration(w.word()), w.integerOf("ppm"), w.ids("without")
	case "requests":
		p.Requests = RequestPlan{Age: w.durationOf("age"), Max: w.integerOf("max")}
	case "link":
		p.Link = LinkPlan{
			Delay: w.durationOf("delay"), Spread: w.durationOf("spread"), Tail: w.integerOf("tail"), TailMax: w.durationOf("tailmax"),
			Loss: w.integerOf("loss"), Duplicate: w.integerOf("duplicate"), Told: w.integerOf("told"), FIFO: w.yes("fifo"),
		}
	case "bulk":
		p.Bulk = BulkPlan{Delay: w.durationOf("delay"), Spread: w.durationOf("spread"), Capacity: w.integerOf("capacity")}
	case "disk":
		p.Disk.WriteMin, p.Disk.WriteMax = w.rangeOf("write")
		p.Disk.SyncMin, p.Disk.SyncMax = w.rangeOf("sync")
		p.Disk.Slow, p.Disk.SlowMax = w.integerOf("slow"), w.durationOf("slowmax")
	case "clock":
		c := ClockPlan{Node: w.node(w.word())}
		c.PPM, c.Wall = w.signedOf("ppm"), w.shiftOf("wall")
		p.Clocks = append(p.Clocks, c)
	case "client":
		p.Clients = append(p.Clients, ClientPlan{
			Every: w.durationOf("every"), Pipeline: int(w.integerOf("pipeline")), Read: w.integerOf("read"), Stale: w.integerOf("stale"),
			Text: w.integerOf("text"), Patience: w.durationOf("patience"), Timeout: w.durationOf("timeout"), Quit: w.integerOf("quit"),
			Close: w.integerOf("close"), Once: w.integerOf("once"), Again: w.integerOf("again"), Clash: w.integerOf("clash"), Nap: w.integerOf("nap"),
			Lock: w.integerOf("lock"), Names: w.integerOf("names"), TTL: w.durationOf("ttl"), User: w.integerOf("user"), Until: w.durationOf("until"),
			Anywhere: w.yes("anywhere"), At: w.nodeOf("at"),
		})
	case "subscriber":
		p.Subscribers = append(p.Subscribers, SubscriberPlan{Stay: w.durationOf("stay"), Slow: w.durationOf("slow")})
	case "blobs":
		p.Blobs = BlobPlan{Chunk: w.integerOf("chunk"), Pin: w.durationOf("pin"), Grace: w.durationOf("grace")}
	case "uploader":
		p.Uploaders = append(p.Uploaders, UploaderPlan{
			Every: w.durationOf("every"), Bytes: w.integerOf("bytes"), Piece: w.integerOf("piece"), Read: w.integerOf("read"),
			Patience: w.durationOf("patience"), Timeout: w.durationOf("timeout"), Again: w.integerOf("again"), Files: w.integerOf("files"),
			User: w.integerOf("user"),
		})
	case "locks":
		p.Locks = LockPlan{Expiries: w.signedOf("expiries"), Max: w.integerOf("max")}
	case "events":
		p.Events = w.integerOf("max")
	case "team":
		p.Team = parseTeam(w)
	case "teammate":
		p.Teammates = append(p.Teammates, parseTeammate(w))
	case "scheduler":
		p.Scheduler = SchedulerPlan{
			Kind: SchedulerKind(w.name(schedulerNames, w.word())), Points: w.integerOf("points"), Within: w.integerOf("within"),
			Window: w.durationOf("window"), Wait: w.durationOf("wait"),
		}
	case "fault":
		p.Faults = append(p.Faults, parseFault(w))
	default:
		w.fail("unknown word %q", what)
	}
}

// parseFault reads the rest of a fault's line.
func parseFault(w *words) Fault {
	f := Fault{At: w.durationOf("at"), Kind: FaultKind(w.name(faultNames, w.word()))}
	if v := w.value("node"); v != "" {
		if i, ok := valueOf(targetNames, v); ok {
			f.Node = Target(-i)
		} else {
			f.Node = Target(w.node(v))
		}
	}
	f.Side = w.ids("side")
	f.From, f.To = w.nodeOf("from"), w.nodeOf("to")
	if v := w.value("on"); v != "" {
		f.On = Stage(w.name(stageNames, v))
	}
	f.For, f.By = w.durationOf("for"), w.shiftOf("by")
	f.After = w.integerOf("after")
	f.Rate, f.Factor, f.PPM = w.integerOf("rate"), w.integerOf("factor"), w.signedOf("ppm")
	if v := w.value("file"); v != "" {
		f.File = FileKind(w.name(fileNames, v))
	}
	f.Off, f.Bits = w.integerOf("off"), w.integerOf("bits")
	if v := w.value("index"); v == "last" {
		f.Index = LastEntry
	} else if v != "" {
		f.Index = raft.Index(w.unsigned(v))
	}
	f.Beyond = w.yes("beyond")
	f.Packets, f.Period = w.integerOf("packets"), w.durationOf("period")
	return f
}

// check refuses plans that the world could not run.
func (p *Plan) check() error {
	switch {
	case p.Nodes < 1 || p.Spares < 0 || p.servers() > nodesMax:
		return fmt.Errorf("plan: nodes %d and spares %d: want 1 to %d", p.Nodes, p.Spares, nodesMax)
	case p.Duration <= 0 || p.Heal <= 0 || p.Heal > p.Duration:
		return errors.New("plan: want 0 < heal <= duration")
	case p.changes() && len(p.Core) < p.Nodes:
		return errors.New("plan: where the membership changes, core must name all founding nodes: any may be needed for a majority")
	case len(p.Core) <= p.Nodes/2:
		return fmt.Errorf("plan: core %s is no majority of %d nodes", formatIDs(p.Core), p.Nodes)
	case p.Node.Election < timerMin || p.Node.Heartbeat < timerMin || p.Node.Segment <= 0:
		return errors.New("plan: want a line \"node election=250ms heartbeat=50ms segment=16384\"")
	}
	for _, id := range p.Core {
		if id < 1 || int(id) > p.Nodes {
			return fmt.Errorf("plan: core names node %d of %d", id, p.Nodes)
		}
	}
	if p.OldLevel < 0 || p.OldLevel >= node.LevelMax {
		return fmt.Errorf("plan: old level=%d: want an older one than %d", p.OldLevel, node.LevelMax)
	}
	for _, id := range p.Old {
		if id < 1 || int(id) > p.Nodes {
			return fmt.Errorf("plan: old names node %d of %d", id, p.Nodes)
		}
	}
	for i, r := range p.Rest {
		if r.Node < 1 || int(r.Node) > p.Nodes || p.inCore(r.Node) {
			return fmt.Errorf("plan: rest names node %d, which is in the core or nowhere", r.Node)
		}
		if slices.ContainsFunc(p.Rest[:i], func(o Rest) bool { return o.Node == r.Node }) {
			return fmt.Errorf("plan: two lines rest %d: want one", r.Node)
		}
	}
	for i, c := range p.Clocks {
		switch {
		case c.Node < 1 || int(c.Node) > p.servers():
			return fmt.Errorf("plan: clock of node %d: no such node", c.Node)
		case c.PPM > ppmMax || c.PPM < -ppmMax:
			return fmt.Errorf("plan: clock %d: drift beyond %d ppm", c.Node, ppmMax)
		case slices.ContainsFunc(p.Clocks[:i], func(o ClockPlan) bool { return o.Node == c.Node }):
			return fmt.Errorf("plan: two lines clock %d: want one", c.Node)
		}
	}
	for _, id := range p.Node.LeaseLess {
		if id < 1 || int(id) > p.servers() {
			return fmt.Errorf("plan: lease without= names node %d: no such node", id)
		}
	}
	if most := raft.LeaseMax(p.Node.Election, p.Node.LeasePPM); p.Node.LeasePPM < 0 || p.Node.Lease > most {
		return fmt.Errorf("plan: a lease of %s is longer than voters keep: %s", formatDuration(p.Node.Lease), formatDuration(most))
	}
	for _, c := range p.Clients {
		if c.Every < timerMin || c.Pipeline <= 0 || c.Timeout <= 0 || c.Patience <= 0 {
			return fmt.Errorf("plan: a client needs every= (%s or more), pipeline=, patience= and timeout=", formatDuration(timerMin))
		}
		if c.Text < 0 || c.Text > textMax {
			return fmt.Errorf("plan: a client's text=%d: want at most %d bytes", c.Text, textMax)
		}
		if int(c.At) > p.servers() || c.At != 0 && (c.Read < 1000 || !c.Anywhere) {
			return errors.New("plan: a client that watches a node (at=2) needs read=1000 and anywhere=yes")
		}
		if c.Lock > 0 && (c.Names <= 0 || c.TTL < lockTTLMin) {
			return fmt.Errorf("plan: a client with lock= needs names= and a ttl= of %s or more", formatDuration(lockTTLMin))
		}
		if p.Requests.Max > 0 && p.Requests.Age == 0 {
			return errors.New("plan: with requests max= there must be an age= after which there is room again")
		}
		if p.Requests.Age > 0 && 2*p.Requests.repeatMax()+2*c.Timeout > p.Requests.Age {
			return errors.New("plan: a request that is on its way for twice the client's timeout must not outlive requests age=")
		}
	}
	for _, s := range p.Subscribers {
		if s.Stay < timerMin {
			return fmt.Errorf("plan: a subscriber needs stay= (%s or more)", formatDuration(timerMin))
		}
	}
	for _, u := range p.Uploaders {
		if u.Every < timerMin || u.Bytes <= 0 || u.Bytes > 1<<15 || u.Piece <= 0 || u.Timeout <= 0 {
			return errors.New("plan: an uploader needs every, bytes (at most 32768), piece and timeout")
		}
	}
	if err := p.checkTeam(); err != nil {
		return err
	}
	if err := p.Scheduler.check(); err != nil {
		return err
	}
	for i := range p.Faults {
		if err := p.checkFault(&p.Faults[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkFault refuses a fault that names nobody.
func (p *Plan) checkFault(f *Fault) error {
	switch {
	case f.Kind == 0:
		return errors.New("plan: a fault without a kind")
	case int(f.Node) > p.servers() || int(f.From) > p.servers() || int(f.To) > p.servers():
		return fmt.Errorf("plan: %s: no such node", f)
	case f.Kind == Drift && (f.PPM > ppmMax || f.PPM < -ppmMax):
		return fmt.Errorf("plan: %s: drift beyond %d ppm", f, ppmMax)
	case f.Kind == OneWay && len(f.Side) == 0 && (f.From == 0 || f.To == 0 || f.From == f.To):
		return fmt.Errorf("plan: %s: want from and to, or side", f)
	case (f.Kind == AddNode || f.Kind == PromoteNode || f.Kind == Upgrade) && f.Node <= 0:
		return fmt.Errorf("plan: %s: want the number of a node", f)
	case f.On == StageTransfer && !f.waits():
		return fmt.Errorf("plan: %s: only isolate, deaf and mute wait for a transfer", f)
	case f.Kind == CorruptState && (f.Node == NodeAll || f.Node == NodeMajority):
		return fmt.Errorf("plan: %s: want one node: which state is right, a majority says", f)
	case f.Off < 0 || f.Bits < 0 || f.Bits > bitsMax:
		return fmt.Errorf("plan: %s: want an offset that is not negative and at most %d bits", f, bitsMax)
	case f.Beyond && !f.destroys():
		return fmt.Errorf("plan: %s: it destroys nothing", f)
	case f.Kind == Stall && f.File != 0 && f.File != FileLog && f.File != FileSnapshot:
		return fmt.Errorf("plan: %s: want file=log, file=snapshot or all of the disk", f)
	case f.Kind == SlowApply && f.Period <= 0:
		return fmt.Errorf("plan: %s: want period=, what an entry takes", f)
	case f.needsNode() && f.Node == 0:
		return fmt.Errorf("plan: %s: want node=", f)
	}
	if err := f.checkLinks(); err != nil {
		return err
	}
	for _, id := range f.Side {
		if id < 1 || int(id) > p.servers() {
			return fmt.Errorf("plan: %s: no node %d", f, id)
		}
	}
	return nil
}

// needsNode reports whether the fault hits nodes.
func (f *Fault) needsNode() bool {
	switch f.Kind {
	case Split, OneWay, Ring:
		return false
	}
	return !f.choosesLinks()
}

// inCore reports whether the node belongs to the healed majority.
func (p *Plan) inCore(id raft.NodeID) bool {
	for _, c := range p.Core {
		if c == id {
			return true
		}
	}
	return false
}

// timerMin is the shortest time between two things that somebody does again and again. With less of it a run does little else, and never
// comes to its end.
const timerMin = time.Millisecond

// textMax is the longest text that a client may send: a message may have that many bytes.
const textMax = 16 << 10

// nodesMax bounds a plan's cluster: the network's state is a matrix of this size.
const nodesMax = 9

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func formatIDs(ids []raft.NodeID) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(id), 10))
	}
	return b.String()
}

func formatRange(lo, hi time.Duration) string {
	return formatDuration(lo) + ".." + formatDuration(hi)
}
