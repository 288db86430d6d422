package convert

import (
	"time"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// AuditRecord returns a record of the audit log as the wire has it.
func AuditRecord(e *account.AuditEntry) *pb.AuditRecord {
	hash := e.Hash()
	r := &pb.AuditRecord{
		Position:  uint64(e.Position),
		Number:    e.Number,
		Time:      timeOf(e.Wall),
		LogTime:   int64(e.Time),
		Action:    e.Action,
		Object:    e.Object,
		Detail:    e.Detail,
		Before:    e.Before[:],
		Hash:      hash[:],
		ActorName: e.ActorName,
	}
	if e.Actor != 0 {
		r.Actor = e.Actor.String()
	}
	if e.Login != 0 {
		r.LoginId = e.Login.String()
	}
	return r
}

// Retention returns for how long things are kept as the wire has it.
func Retention(r *state.Retention) *pb.Retention {
	seconds := func(d time.Duration) uint64 { return uint64(d / time.Second) }
	return &pb.Retention{Messages: seconds(r.Messages), Files: seconds(r.Files), Events: seconds(r.Events)}
}
