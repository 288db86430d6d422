package sim

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
)

// uploader is somebody who brings files to nodes and reads files from them, one thing at a time. An
// upload goes to one node, piece by piece, and goes on there whatever gets lost, until it is
// answered; or it begins anew at another one. What is read is compared with what it must be.
type uploader struct {
	w      *World
	number int
	plan   *UploaderPlan
	wants  stream
	link   stream

	stage   fileStage
	file    int // place in World.files
	upload  uint64
	at      raft.NodeID
	offset  int64
	attempt uint64 // requests so far; answers to others come too late
	timer   uint64 // its number; earlier ones are void
	until   int64
}

type fileStage uint8

const (
	fileIdle fileStage = iota
	fileBegins
	fileAppends
	fileCommits
	fileReads
)

var fileStages = [...]string{"", "begins", "appends", "commits", "reads"}

// file is a content that somebody uploads.
type file struct {
	sum      blob.Sum
	name     string // on every disk, but for what its end says of it
	content  []byte
	asked    bool          // that it is committed: somebody may store it
	askedBy  []string      // for whom
	pins     []pin         // that were confirmed
	position raft.Position // of the newest pin that was confirmed to its uploader; zero: none
	until    raft.LogTime  // of that pin
	at       int64         // when it was confirmed
	touched  int64         // when somebody last brought it
}

// fileRequest is a request on its way to a node.
type fileRequest struct {
	uploader int
	attempt  uint64
	event    node.Event
}

// fileAnswer is an answer on its way back; lost: none will come.
type fileAnswer struct {
	attempt uint64
	answer  node.Answer
	lost    bool
}

// uploaderBit tells an uploader's ticket from a client's and a stream's.
const uploaderBit node.Ticket = 1 << 61

func newUploader(w *World, number int, plan *UploaderPlan) *uploader {
	u := &uploader{w: w, number: number, plan: plan,
		wants: w.chance.stream(purposeUploader, uint64(number)), link: w.chance.stream(purposeUploaderLink, uint64(number))}
	u.rest()
	return u
}

func (u *uploader) delay() int64 { return u.w.net.clientDelay(u.link.next()) }

func (u *uploader) setTimer(at int64) {
	u.timer++
	u.w.agenda.push(event{at: at, priority: priorityNormal, kind: eventUploader, who: int32(u.number), arg: u.timer})
}

// rest waits for the next wish.
func (u *uploader) rest() {
	u.stage = fileIdle
	u.setTimer(u.w.now + 1 + u.wants.exponential(int64(u.plan.Every)))
}

// uploader wakes somebody who has a wish, or waits for an answer in vain.
func (w *World) uploader(e *event) {
	u := w.uploaders[e.who-1]
	if e.arg != u.timer {
		return
	}
	w.trace.begin(e)
	switch {
	case u.stage == fileIdle && w.now >= w.lastOrders():
		return
	case u.stage == fileIdle:
		u.begin()
	case u.plan.Patience > 0 && w.now >= u.until && !w.healed:
		if w.trace.on() {
			w.trace.say("gives up")
		}
		u.attempt++
		u.rest()
	default:
		u.again()
	}
}

// again repeats what has no answer, sometimes at another node; in the liveness phase only if this one is not well: elsewhere
// nothing is done sooner, and what was begun here would be lost.
func (u *uploader) again() {
	w := u.w
	if u.stage == fileReads {
		u.attempt++
		u.rest()
		return
	}
	leave := u.link.below(3) == 0
	if w.healed {
		leave = !u.canStay(u.at)
	}
	if leave {
		u.anew()
	}
	u.ask()
}

// begin has a wish: a file that somebody has uploaded, or a new one.
func (u *uploader) begin() {
	w, what := u.w, u.wants.next()
	u.until = w.now + int64(u.plan.Patience)
	if n := uint64(len(w.files)); n > 0 && int64(below(raft.Mix(what, 1), 1000)) < u.plan.Read {
		u.file, u.stage, u.offset = int(below(raft.Mix(what, 2), n)), fileReads, 0
		u.elsewhere()
		u.ask()
		return
	}
	if n := uint64(len(w.files)); n > 0 && u.repeats(n, raft.Mix(what, 3)) {
		if u.plan.Files > 0 {
			n = min(n, uint64(u.plan.Files))
		}
		u.file = int(below(raft.Mix(what, 4), n)) // the same content again
	} else {
		u.file = w.addFile(newFile(raft.Mix(what, 5), int64(below(raft.Mix(what, 6), uint64(u.plan.Bytes)))))
	}
	u.anew()
	u.ask()
}

// repeats draws whether a content that was uploaded before is uploaded again.
func (u *uploader) repeats(files, draw uint64) bool {
	if u.plan.Again == 0 {
		return below(draw, 8) == 0
	}
	return files >= uint64(u.plan.Files) && int64(below(draw, 1000)) < u.plan.Again
}

// addFile returns where a file stands in the list from now on. A content that was drawn before is the same file: there is one that is empty.
func (w *World) addFile(f file) int {
	if i := w.fileAt(f.sum); i >= 0 {
		return i
	}
	w.files = append(w.files, f)
	return len(w.files) - 1
}

// fileAt returns where the file with a content stands; -1: nobody drew that.
func (w *World) fileAt(sum blob.Sum) int {
	return slices.IndexFunc(w.files, func(f file) bool { return f.sum == sum })
}

// newFile draws a content of a size.
func newFile(seed uint64, size int64) file {
	content := make([]byte, 0, size+8)
	for i := uint64(0); int64(len(content)) < size; i++ {
		content = binary.LittleEndian.AppendUint64(content, raft.Mix(seed, i))
	}
	content = content[:size]
	sum := blob.SumOf(content)
	return file{sum: sum, name: dataDir + "/blobs/" + sum.String(), content: content}
}

// anew begins the upload from its first byte, at some node and under an id of its own.
func (u *uploader) anew() {
	u.stage, u.offset, u.upload = fileBegins, 0, u.link.next()
	u.elsewhere()
}

// elsewhere picks a node; in the liveness phase a member that is well.
func (u *uploader) elsewhere() {
	w := u.w
	var ids []raft.NodeID
	for _, s := range w.servers {
		if !w.healed || u.canStay(s.id) {
			ids = append(ids, s.id)
		}
	}
	u.at = ids[u.link.below(uint64(len(ids)))]
}

// canStay says whether a node is a member that is well.
func (u *uploader) canStay(id raft.NodeID) bool {
	members := u.w.membership()
	_, member := members.Find(id)
	return member && u.w.staysWell(id)
}

// ask sends the request of the stage.
func (u *uploader) ask() {
	w, f := u.w, &u.w.files[u.file]
	ev := node.Event{Blob: &node.BlobRequest{Upload: u.upload, Offset: u.offset, Sum: f.sum}}
	switch u.stage {
	case fileBegins:
		ev.Kind = node.EventUploadBegin
	case fileAppends:
		ev.Kind = node.EventUploadAppend
		ev.Blob.Data = f.content[u.offset:min(u.offset+u.plan.Piece, int64(len(f.content)))]
	case fileCommits:
		ev.Kind, f.asked = node.EventUploadCommit, true
		ev.Blob.Principal = u.principal()
		if !slices.Contains(f.askedBy, ev.Blob.Principal) {
			f.askedBy = append(f.askedBy, ev.Blob.Principal)
		}
	case fileReads:
		ev.Kind, ev.Blob.Bytes = node.EventReadBlob, int(u.plan.Piece)
	}
	if u.stage != fileReads {
		f.touched = w.now
	}
	u.attempt++
	ev.Ticket = uploaderBit | node.Ticket(u.number)<<40 | node.Ticket(u.attempt)
	if w.trace.on() {
		w.trace.say("%s file %d (%s) at node %d, offset %d", fileStages[u.stage], u.file+1, f.sum.Short(), u.at, u.offset)
	}
	if w.reachable(u.at) {
		w.agenda.push(event{at: w.now + u.delay(), priority: priorityNormal, kind: eventFileRequest, who: int32(u.at),
			arg: w.fileRequests.put(fileRequest{u.number, u.attempt, ev})})
	}
	u.setTimer(w.now + int64(u.plan.Timeout))
}

// fileRequest hands a request to its node; a dead one refuses the connection.
func (w *World) fileRequest(e *event) {
	r := w.fileRequests.take(e.arg)
	s, u := w.node(raft.NodeID(e.who)), w.uploaders[r.uploader-1]
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("from u%d: request %d", r.uploader, r.attempt)
	}
	if !s.up {
		u.answers(fileAnswer{attempt: r.attempt, lost: true})
		return
	}
	s.tell(&r.event)
}

// answerUploader sends a node's answer to who asked. A confirmation is judged as it leaves.
func (w *World) answerUploader(s *server, a *node.Answer) {
	u := w.uploaders[int(a.Ticket&^uploaderBit>>40)-1]
	attempt := uint64(a.Ticket & (1<<40 - 1))
	if w.trace.on() {
		w.trace.add("answers u%d: %s, offset %d", u.number, describeAnswer(a), a.Offset)
	}
	if a.Outcome == node.Done && attempt == u.attempt && u.stage == fileCommits {
		w.judgeConfirmed(s, &w.files[u.file], a.Position)
		u.confirmed(a.Position)
	}
	if w.reachable(s.id) {
		u.answers(fileAnswer{attempt: attempt, answer: *a})
	}
}

func (u *uploader) answers(a fileAnswer) {
	u.w.agenda.push(event{at: u.w.now + u.delay(), priority: priorityNormal, kind: eventFileAnswer, who: int32(u.number), arg: u.w.fileAnswers.put(a)})
}

// fileAnswer takes an answer that is still waited for.
func (w *World) fileAnswer(e *event) {
	u := w.uploaders[e.who-1]
	a := w.fileAnswers.take(e.arg)
	if a.attempt != u.attempt || u.stage == fileIdle {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("gets %s", describeAnswer(&a.answer))
	}
	u.attempt++ // one that was doubled comes too late
	f := &w.files[u.file]
	switch {
	case a.lost || a.answer.Outcome != node.Done:
		u.refused(&a)
	case u.stage == fileReads:
		u.reads(f, a.answer.Reply)
	case u.stage == fileCommits:
		w.cover.Uploaded++
		u.rest()
	default:
		u.offset, u.stage = a.answer.Offset, fileAppends
		if u.offset >= int64(len(f.content)) {
			u.stage = fileCommits
		}
		u.ask()
	}
}

// principal is for whom the uploader brings files: the user of the team that the plan names, if he has an account.
func (u *uploader) principal() string {
	if u.plan.User > 0 && u.w.team != nil {
		if user := u.w.team.person(u.plan.User); user != nil {
			return "user_" + base36(uint64(user.id))
		}
	}
	return "uploader-" + formatUint(uint64(u.number))
}

// confirmed takes down that an upload is confirmed to its uploader, who may name the content from then on.
func (u *uploader) confirmed(at raft.Position) {
	f := &u.w.files[u.file]
	if e := u.w.agreedEntry(raft.Index(at)); e != nil && len(f.askedBy) == 1 { // for whom, if several asked, only the entry knows
		f.pins = append(f.pins, pin{f.askedBy[0], at, e.Time.Add(u.w.pinFor())})
	}
}

// refused looks for another way after a while.
func (u *uploader) refused(a *fileAnswer) {
	w := u.w
	switch code := a.answer.Code; {
	case u.stage == fileReads:
		u.rest() // it need not be there
		return
	case code == node.CodeOffset:
		u.offset = a.answer.Offset
	case code == node.CodeNoUpload || code == node.CodeOtherContent:
		u.stage = fileBegins
	case code == node.CodeNotYet && w.healed:
		u.rest() // a release that does not know blobs stays
		return
	case u.link.below(3) == 0 || a.answer.Code == node.CodeNoRoom:
		u.anew()
	}
	u.setTimer(w.now + u.link.between(int64(20*time.Millisecond), int64(300*time.Millisecond)))
}

// reads compares what came with what it must be.
func (u *uploader) reads(f *file, got []byte) {
	end := min(u.offset+int64(len(got)), int64(len(f.content)))
	if !bytes.Equal(got, f.content[u.offset:end]) {
		u.w.violate(BlobContent, "Uploader %d reads file %s at node %d, and from byte %d on it is another.", u.number, f.sum.Short(), u.at, u.offset)
	}
	if u.offset = end; len(got) == 0 || end == int64(len(f.content)) {
		u.w.cover.FilesRead++
		u.rest()
		return
	}
	u.ask()
}
