package cli

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/cmd/parley/plain"
	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// auditJSON is a record of the audit log as it is exported. From its fields, but for the name, its hash can be computed
// again; see docs/api.md.
type auditJSON struct {
	Position uint64 `json:"position"`
	Number   uint64 `json:"number"`
	Time     string `json:"time"`
	LogTime  string `json:"log_time"` // a duration, to the nanosecond
	Actor    string `json:"actor"`
	Name     string `json:"actor_name"`
	Login    string `json:"login"`
	Action   string `json:"action"`
	Object   string `json:"object"`
	Detail   string `json:"detail"`
	Before   string `json:"before"`
	Hash     string `json:"hash"`
}

func jsonAudit(r *pb.AuditRecord) auditJSON {
	return auditJSON{Position: r.GetPosition(), Number: r.GetNumber(), Time: jsonTime(r.GetTime()), LogTime: time.Duration(r.GetLogTime()).String(),
		Actor: r.GetActor(), Name: r.GetActorName(), Login: r.GetLoginId(), Action: r.GetAction(), Object: r.GetObject(), Detail: r.GetDetail(),
		Before: hex.EncodeToString(r.GetBefore()), Hash: hex.EncodeToString(r.GetHash())}
}

// record is the inverse of jsonAudit.
func (j *auditJSON) record() (*pb.AuditRecord, error) {
	at, err := time.ParseDuration(j.LogTime)
	if err != nil {
		return nil, err
	}
	r := &pb.AuditRecord{Position: j.Position, Number: j.Number, LogTime: int64(at), Actor: j.Actor, LoginId: j.Login,
		Action: j.Action, Object: j.Object, Detail: j.Detail}
	if j.Time != "" {
		t, err := time.Parse(time.RFC3339Nano, j.Time)
		if err != nil {
			return nil, err
		}
		r.Time = timestamppb.New(t)
	}
	if r.Before, err = hex.DecodeString(j.Before); err != nil {
		return nil, err
	}
	r.Hash, err = hex.DecodeString(j.Hash)
	return r, err
}

func (a *app) auditCommand() *cobra.Command {
	return a.group("audit", "The record of what was done, for cluster admins", a.auditExportCommand(), a.auditVerifyCommand())
}

func (a *app) auditExportCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "export [--from POS]", Short: "Print the audit log, one JSON object a line, oldest first", Args: args(),
		Long: `Prints the audit log from a position on, or all that is kept of it: 100,000 records. To keep more, export
what is behind the last position that you have, now and then. Every record has the hash of the one before; parley audit
verify checks them. --timeout bounds the wait for each 1,000 records. An export that was interrupted goes on with --from and
the last position that was printed, whose records come again.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			begin, err := strconv.ParseUint(from, 10, 64)
			if err != nil {
				return usageOf(cmd, "--from %q: a position is a number", from)
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			for r, err := range c.AllAudit(cmd.Context(), raft.Position(begin), a.fresh(), client.Within(a.timeout)) {
				if err == nil {
					err = a.printJSON(jsonAudit(r))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "0", "begin with the records of this position")
	return cmd
}

// brokenError says where an exported log is not what the cluster had.
type brokenError struct {
	line int
	what string
}

func (e *brokenError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.what) }

func (a *app) auditVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify FILE|-", Short: "Check that nothing was changed in an exported audit log, or taken out of it", Args: args("FILE|-"),
		Long: `Checks every record against its hash, and against the one before it. What was cut off at the end shows in nothing
but the last position; what the cluster no longer keeps is missing at the beginning.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := a.In
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			n, first, last, err := verifyAudit(input{cmd.Context(), in})
			if err != nil {
				return err
			}
			if n == 0 {
				return errEmptyAudit
			}
			return a.print(struct {
				OK      bool   `json:"ok"`
				Records int    `json:"records"`
				From    uint64 `json:"from"`
				To      uint64 `json:"to"`
				Hash    string `json:"hash"`
			}{true, n, first.Position, last.Position, last.Hash}, "%s from position %d to %d, each behind the other; the last is %s",
				plain.Counted(n, "record"), first.Position, last.Position, last.Hash)
		},
	}
}

// errEmptyAudit refuses a log without a record: nothing in it shows that nothing was taken out.
var errEmptyAudit = errors.New("there is no record to be checked")

// auditLineMax bounds a line: a record has some hundreds of bytes.
const auditLineMax = 1 << 20

// verifyAudit reads an exported log.
func verifyAudit(in io.Reader) (n int, first, last auditJSON, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, auditLineMax)
	for lines.Scan() {
		n++
		var j auditJSON
		strict := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&j); err != nil {
			return n, first, last, &brokenError{n, "it is no record: " + err.Error()}
		}
		r, err := j.record()
		if err != nil {
			return n, first, last, &brokenError{n, "it is no record: " + err.Error()}
		}
		hash, err := client.AuditHash(r)
		switch {
		case err != nil:
			return n, first, last, &brokenError{n, "it is no record: " + err.Error()}
		case hex.EncodeToString(hash[:]) != j.Hash:
			return n, first, last, &brokenError{n, "the record was changed: it does not have its hash"}
		case n > 1 && j.Before != last.Hash:
			return n, first, last, &brokenError{n, "it does not follow the record before it: something was taken out, or put in"}
		case n == 1:
			first = j
		}
		last = j
	}
	return n, first, last, lines.Err()
}
