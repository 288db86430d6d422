package sim

import (
	"slices"

	"parley/raft"
	"parley/raft/node"
)

// The worker of raft/host as events: one task at a time, each taking its simulated time. What it
// does it does to the node's own files.

// work queues tasks.
func (s *server) work(tasks []node.Task) {
	for i := range tasks {
		if tasks[i].Kind == node.TaskMake {
			s.w.judgeMade(s, &tasks[i].Base)
		}
	}
	s.tasks = append(s.tasks, tasks...)
	s.workOn()
}

func (s *server) workOn() {
	if s.working || len(s.tasks) == 0 {
		return
	}
	s.working = true
	s.works++
	w := s.w
	x := w.chance.draw(purposeTask, uint64(s.id), s.works)
	plan := &w.plan.Disk
	delay := between(x, int64(plan.WriteMin+plan.SyncMin), s.slowestTask())
	w.agenda.push(event{at: max(w.now+delay, s.disk.stallTo, s.disk.tasksTo), priority: priorityNormal, kind: eventTask, who: int32(s.id), epoch: s.epoch})
}

// slowestTask is how long what is first in the queue may take. In the good times a piece of a download takes no longer
// than a write of the log: with four times that for each, a new node did not get its snapshot before they were over.
func (s *server) slowestTask() int64 {
	once := int64(s.w.plan.Disk.WriteMax + s.w.plan.Disk.SyncMax)
	if kind := s.tasks[0].Kind; s.w.healed && (kind == node.TaskRead || kind == node.TaskPut) {
		return once
	}
	return 4 * once
}

// task does what is first in the queue.
func (w *World) task(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch {
		return
	}
	if s.springsAt(s.tasks[0].Kind) {
		return
	}
	t := s.tasks[0]
	if t.Kind == node.TaskPut {
		w.reaches(s, StageDownload)
	}
	s.tasks = slices.Delete(s.tasks, 0, 1)
	s.working = false
	w.trace.begin(e)
	done := s.dir.Snapshots().Do(&t, nil)
	if w.trace.on() {
		w.trace.say("%s of the snapshot up to %d: %s", t.Kind, done.Task.ID.Entry.Index, outcome(done.Err))
	}
	if s.trap.sprung {
		s.crash(s.trap.kind, s.trap.down)
		return
	}
	if done.Err != nil && s.device.failing && s.springs(StageFailure) {
		return
	}
	w.coverTask(&done)
	s.device.ailing = s.device.ailing || s.device.passes(done.Err)
	if t.Kind == node.TaskMake && done.Err == nil {
		w.judgeSnapshot(s, &done.Info.Base)
	}
	if t.Kind == node.TaskPut && done.Whole {
		w.reaches(s, StageDecode)
	}
	epoch := s.epoch
	s.event(node.EventTask).Done = &done
	s.told()
	if s.epoch == epoch {
		s.workOn()
	}
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "done"
}

func (w *World) coverTask(d *node.TaskDone) {
	switch {
	case d.Err != nil:
	case d.Task.Kind == node.TaskMake:
		w.cover.Snapshots++
	case d.Task.Kind == node.TaskLoad:
		w.cover.Fetched++
	}
}
