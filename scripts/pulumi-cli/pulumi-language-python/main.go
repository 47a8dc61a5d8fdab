// Command pulumi-language-python is a small language host: the engine asks it over gRPC to run a
// Python program or policy pack, and it starts the launchers that come with the Python SDK.
//
// It stands in where Pulumi's own host of that name can't be had. It knows projects, policy packs
// and their dependencies; code generation, templates and debuggers it does not.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// With this exit status the launcher has already shown what went wrong.
const shownToTheUser = 32

// The installed packages that bring a resource plugin say so in a file of this name.
const listPlugins = `
import json, pathlib, sys
found = [p for d in sys.path if d for p in pathlib.Path(d).glob("*/pulumi-plugin.json")]
print(json.dumps([plugin for p in found if (plugin := json.loads(p.read_text())).get("resource")]))
`

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-python:", err)
		os.Exit(1)
	}
}

func serve() error {
	if len(os.Args) < 2 {
		return errors.New("expects the engine's address; Pulumi starts this program by itself")
	}
	engine := os.Args[len(os.Args)-1]
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cancel := make(chan bool)
	go func() { <-ctx.Done(); close(cancel) }()
	// An engine that dies without a word must not leave its host behind.
	if err := rpcutil.Healthcheck(ctx, engine, 5*time.Minute, stop); err != nil {
		return err
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: engine})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	launcher, err := beside("pulumi-language-python-exec")
	if err != nil {
		return nil, err
	}
	// What is empty arrives as nil, which would be written as null.
	given, secret := map[string]string{}, []string{}
	maps.Copy(given, req.Config)
	config, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(append(secret, req.ConfigSecretKeys...))
	if err != nil {
		return nil, err
	}
	args := []string{
		"-u", launcher,
		"--monitor", req.MonitorAddress,
		"--engine", h.engine,
		"--project", req.Project,
		"--stack", req.Stack,
		"--organization", req.Organization,
		"--root_directory", req.Info.RootDirectory,
		"--pwd", req.Pwd,
		"--parallel", strconv.Itoa(int(req.Parallel)),
		"--dry_run", strconv.FormatBool(req.DryRun),
		"--", filepath.Join(req.Info.ProgramDirectory, req.Info.EntryPoint),
	}
	cmd, err := python(ctx, req.Info, append(args, req.Args...)...)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env,
		"PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case !errors.As(err, &exit):
		return nil, fmt.Errorf("the program could not be run: %w", err)
	case exit.ExitCode() == shownToTheUser:
		return &pulumirpc.RunResponse{Bail: true}, nil
	default:
		return &pulumirpc.RunResponse{Error: "the program ended with " + exit.String()}, nil
	}
}

func (h *host) RunPlugin(
	req *pulumirpc.RunPluginRequest, stream pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	if req.Kind != "analyzer" {
		return status.Errorf(codes.Unimplemented,
			"this language host runs programs and policy packs, not a plugin of kind %q", req.Kind)
	}
	program := filepath.Join(req.Info.ProgramDirectory, req.Info.EntryPoint)
	args := append([]string{"-u", "-m", "pulumi.policy"}, req.Args...)
	cmd, err := python(stream.Context(), req.Info, append(args, program)...)
	if err != nil {
		return err
	}
	cmd.Dir = req.Pwd
	if req.Info.Options.GetFields()["virtualenv"] == nil {
		cmd.Env = req.Env
	} else {
		cmd.Env = append(req.Env, "PATH="+filepath.Dir(cmd.Path)+":"+os.Getenv("PATH"))
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(stream, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("the policy pack could not be run: %w", err)
	}
	return errors.Join(closer.Close(), stream.Send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(cmd.ProcessState.ExitCode())},
	}))
}

func (h *host) GetRequiredPackages(
	ctx context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	cmd, err := python(ctx, req.Info, "-c", listPlugins)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("could not list the installed Python packages: %w", err)
	}
	var plugins []struct{ Name, Version, Server string }
	if err := json.Unmarshal(output, &plugins); err != nil {
		return nil, fmt.Errorf("could not read the list of installed Python packages: %w", err)
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, plugin := range plugins {
		response.Packages = append(response.Packages, &pulumirpc.PackageDependency{
			Kind: "resource", Name: plugin.Name, Version: plugin.Version, Server: plugin.Server,
		})
	}
	return response, nil
}

func (h *host) GetProgramDependencies(
	ctx context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	tools, err := resolve(req.Info)
	if err != nil {
		return nil, err
	}
	packages, err := tools.ListPackages(ctx, req.TransitiveDependencies)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, p := range packages {
		response.Dependencies = append(response.Dependencies,
			&pulumirpc.DependencyInfo{Name: p.Name, Version: p.Version})
	}
	return response, nil
}

func (h *host) InstallDependencies(
	req *pulumirpc.InstallDependenciesRequest, stream pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	tools, err := resolve(req.Info)
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(stream, req.IsTerminal)
	if err != nil {
		return err
	}
	defer closer.Close()
	return errors.Join(
		tools.InstallDependencies(stream.Context(), req.Info.ProgramDirectory,
			req.UseLanguageVersionTools, true, io.Writer(stdout), io.Writer(stderr)),
		closer.Close())
}

func (h *host) About(
	ctx context.Context, req *pulumirpc.AboutRequest,
) (*pulumirpc.AboutResponse, error) {
	tools, err := resolve(req.Info)
	if err != nil {
		return nil, err
	}
	info, err := tools.About(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: info.PythonExecutable, Version: info.PythonVersion.String(),
	}, nil
}

// python is a call of the interpreter that the project's options choose.
func python(ctx context.Context, info *pulumirpc.ProgramInfo, args ...string) (*exec.Cmd, error) {
	tools, err := resolve(info)
	if err != nil {
		return nil, err
	}
	if err := tools.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	cmd, err := tools.Command(ctx, args...)
	if err != nil {
		return nil, err
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	return cmd, nil
}

func resolve(info *pulumirpc.ProgramInfo) (toolchain.Toolchain, error) {
	options := toolchain.PythonOptions{
		Root: info.RootDirectory, ProgramDir: info.ProgramDirectory,
		Virtualenv: info.Options.GetFields()["virtualenv"].GetStringValue(),
	}
	switch name := info.Options.GetFields()["toolchain"].GetStringValue(); name {
	case "", "pip":
		options.Toolchain = toolchain.Pip
	case "poetry":
		options.Toolchain = toolchain.Poetry
	case "uv":
		options.Toolchain = toolchain.Uv
	default:
		return nil, fmt.Errorf("unknown toolchain %q in the project's options; it is pip, poetry or uv", name)
	}
	return toolchain.ResolveToolchain(options)
}

// beside is the path of a file in the folder this program lies in.
func beside(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing; build it again with scripts/pulumi: %w", name, err)
	}
	return path, nil
}
