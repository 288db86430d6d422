package shell

import (
	"context"
	"fmt"
)

func files(m *Model, _ []string) ([]effect, error) {
	id := m.open
	return call(m, callTime, func(ctx context.Context, b Backend) ([]File, error) { return b.Files(ctx, id) }, func(m *Model, list []File) []effect {
		if len(list) == 0 {
			m.tell("No files in %s.", m.labelOf(id))
			return nil
		}
		rows := [][]piece{{name(heading, "FILE"), name(heading, "SIZE"), name(heading, "FROM"), name(heading, "TIME"), name(heading, "NAME")}}
		for _, f := range list {
			what := f.Name
			if f.Description != "" {
				what += " (" + f.Description + ")"
			}
			rows = append(rows, []piece{name(strong, f.ID), name(normal, size(f.Size)), name(nickStyle(f.Uploader), f.Uploader), name(dim, m.when(f.Time)), name(normal, what)})
		}
		m.table(rows)
		return nil
	}), nil
}

// size is a number of bytes for a person.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%d.%d KiB", n>>10, n&(1<<10-1)*10>>10)
	case n < 1<<30:
		return fmt.Sprintf("%d.%d MiB", n>>20, n&(1<<20-1)*10>>20)
	}
	return fmt.Sprintf("%d.%d GiB", n>>30, n&(1<<30-1)*10>>30)
}

func upload(m *Model, args []string) ([]effect, error) {
	id := m.open
	return transfer(m, "up "+args[0], func(ctx context.Context, b Backend, progress func(done, all int64)) (File, error) {
		return b.Upload(ctx, id, args[0], args[1], progress)
	}, func(m *Model, f File) {
		m.say(name(good, fmt.Sprintf("%s is in %s as %s (%s)", f.Name, m.labelOf(id), f.ID, size(f.Size))))
	}), nil
}

func download(m *Model, args []string) ([]effect, error) {
	return transfer(m, "down "+args[0], func(ctx context.Context, b Backend, progress func(done, all int64)) (string, error) {
		return b.Download(ctx, args[0], args[1], progress)
	}, func(m *Model, path string) {
		m.say(name(good, args[0]+" is in "+path))
	}), nil
}

// transfer moves a file and shows how far it is.
func transfer[T any](m *Model, what string, f func(ctx context.Context, b Backend, progress func(done, all int64)) (T, error), then func(m *Model, v T)) []effect {
	var report func(answer)
	login := m.login
	effects := call(m, fileTime, func(ctx context.Context, b Backend) (T, error) {
		percent := int64(-1)
		return f(ctx, b, func(done, all int64) {
			if p := done * 100 / max(all, 1); p != percent {
				percent = p
				report(func(m *Model) []effect {
					if m.login == login {
						m.progress = fmt.Sprintf("%s %d%%", what, p)
					}
					return nil
				})
			}
		})
	}, func(m *Model, v T) []effect {
		then(m, v)
		return nil
	})
	run := effects[0].run
	effects[0].run = func(ctx context.Context, b Backend, tell func(answer)) answer {
		report = tell
		after := run(ctx, b, tell)
		return func(m *Model) []effect {
			m.progress = ""
			return after(m)
		}
	}
	return effects
}
