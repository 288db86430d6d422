package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"parley/cmd/node/internal/process"
)

// child is one node's process.
type child struct {
	node planNode
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process is gone and its output is read
	err  error         // read after gone: how it ended
	last string        // read after gone: the last line it wrote
}

// family starts processes that do not outlive this one. Three ties hold them: a clean stop
// ends them; the end of the parent's pipe tells them that nobody will;
// and on Linux the kernel sends SIGTERM when the parent dies. That tie is to the
// thread that started the child, so one goroutine keeps one thread for all.
type family struct {
	exe     string
	keep    *os.File // the writing end; closed by nobody but the kernel
	give    *os.File // the reading end, for the children
	stderr  *lines
	starts  chan func()
	ended   chan *child
	threads sync.WaitGroup
}

func newFamily(exe string, stderr io.Writer, size int) (*family, error) {
	give, keep, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe to the nodes: %w", err)
	}
	f := &family{exe: exe, keep: keep, give: give, stderr: &lines{w: stderr},
		starts: make(chan func()), ended: make(chan *child, size)}
	f.threads.Go(func() { onOneThread(f.starts) })
	return f, nil
}

// close ends the ties; whoever still runs stops.
func (f *family) close() {
	close(f.starts)
	f.threads.Wait()
	_ = f.keep.Close()
	_ = f.give.Close()
}

// start runs this program's executable with args.
func (f *family) start(n planNode, args []string) (*child, error) {
	c := &child{node: n, cmd: exec.Command(f.exe, args...), gone: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), process.ParentEnv)
	c.cmd.ExtraFiles = []*os.File{f.give}
	c.cmd.SysProcAttr = ownGroup() // a Ctrl-C in the terminal reaches the parent alone
	out, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	f.starts <- func() { started <- c.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start node %d: %w", n.ID, err)
	}
	go func() {
		c.relay(out, f.stderr)
		c.err = c.cmd.Wait()
		close(c.gone)
		f.ended <- c
	}()
	return c, nil
}

// relay passes the child's lines on, each with its node's name, but not the one
// with which it ends: reason has that.
func (c *child) relay(from io.Reader, to *lines) {
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		line := scan.Text()
		c.last = line
		if !strings.HasPrefix(line, errorPrefix) {
			to.print("node %d| %s", c.node.ID, line)
		}
	}
	_, _ = io.Copy(io.Discard, from) // a line beyond all bounds must not block the child
}

// errorPrefix begins the line with which the command ends.
const errorPrefix = "node: "

// reason says how the child ended.
func (c *child) reason() string {
	if why, ok := strings.CutPrefix(c.last, errorPrefix); ok {
		return why
	}
	if c.err == nil {
		return "it stopped"
	}
	return c.err.Error()
}

// lines writes whole lines from several goroutines.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) print(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}
