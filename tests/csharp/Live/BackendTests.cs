#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using Dreamport.Editor;
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;
using Unity.Collections.LowLevel.Unsafe;
using UnityEditor;
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.Rendering.Universal;

namespace Dreamport.Live
{
    /// <summary>With the real `dreamport` command: starting and attaching, and recording.</summary>
    public sealed unsafe class BackendTests
    {
        [SetUp]
        public void EmptyScene()
        {
            Scene.Clear();
            Scene.BeginPlay();
        }

        [TearDown]
        public void NothingIsLeft() => Assert.That(NativeCore.LiveObjects, Is.EqualTo(0));

        [Test]
        public void TheEditorStartsABackendAndASecondOneAttaches()
        {
            var settings = new LauncherSettings
            {
                Endpoint = new EndpointSettings { Address = $"127.0.0.1:{Backend.FreePort()}" },
                Command = Command(),
                ParentProcessId = Environment.ProcessId,
            };
            using (var launcher = new BackendLauncher(settings))
            using (var second = new BackendLauncher(settings))
            {
                var phases = new List<BackendPhase>();
                launcher.Ensure();
                Wait.Until(() => !launcher.IsBusy, () =>
                {
                    if (phases.Count == 0 || phases[^1] != launcher.Phase)
                        phases.Add(launcher.Phase);
                    launcher.Update();
                }, () => launcher.Message, 60);
                Assert.That(launcher.Phase, Is.EqualTo(BackendPhase.Ready), launcher.Message);
                Assert.That(phases, Is.EqualTo(new[] { BackendPhase.Asking, BackendPhase.Starting, BackendPhase.Asking }));
                Assert.That(launcher.StartedHere, Is.True);
                Assert.That(launcher.Worlds, Is.Not.Empty);
                Assert.That(launcher.Line!.Executor.Name, Is.Not.Empty);

                second.Ensure();
                Wait.Until(() => !second.IsBusy, second.Update, () => second.Message);
                Assert.That(second.Phase, Is.EqualTo(BackendPhase.Ready), second.Message);
                Assert.That(second.StartedHere, Is.False);

                launcher.StopStarted();
                Wait.Until(() =>
                {
                    using (var query = new BackendQuery(settings.Endpoint))
                    {
                        Wait.Until(query.Update, () => { }, () => "no answer");
                        return query.Problem == ConnectionProblem.BackendAbsent;
                    }
                }, () => { }, () => "the backend is still there");
            }
        }

        [Test]
        public void ABackendThatDiedIsStartedAgain()
        {
            var settings = new LauncherSettings
            {
                Endpoint = new EndpointSettings { Address = $"127.0.0.1:{Backend.FreePort()}" },
                Command = Command(),
                ParentProcessId = Environment.ProcessId,
            };
            using (var launcher = new BackendLauncher(settings))
            {
                launcher.Ensure();
                Wait.Until(() => !launcher.IsBusy, launcher.Update, () => launcher.Message, 60);
                Assert.That(launcher.Phase, Is.EqualTo(BackendPhase.Ready), launcher.Message);
                var first = launcher.ProcessId;
                using (var process = System.Diagnostics.Process.GetProcessById(first))
                {
                    process.Kill();
                    process.WaitForExit();
                }
                launcher.Ensure();
                Wait.Until(() => !launcher.IsBusy, launcher.Update, () => launcher.Message, 60);
                Assert.That(launcher.Phase, Is.EqualTo(BackendPhase.Ready), launcher.Message);
                Assert.That(launcher.StartedHere, Is.True);
                Assert.That(launcher.ProcessId, Is.Not.EqualTo(first));
                launcher.StopStarted();
            }
        }

        [Test]
        public void PressingPlayStartsABackendThatTheReloadOfTheScriptsDoesNotEnd()
        {
            System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(EditorBackend).TypeHandle);
            var settings = DreamportProjectSettings.instance;
            settings.StartWithPlay = true;
            settings.Address = $"127.0.0.1:{Backend.FreePort()}";
            settings.BackendCommand = Command();
            try
            {
                EditorApplication.StubPlayMode(PlayModeStateChange.ExitingEditMode);
                Wait.Until(() => EditorBackend.Launcher!.Phase == BackendPhase.Starting, () => EditorApplication.update(),
                    () => EditorBackend.Launcher!.Message);
                var process = EditorBackend.Launcher!.ProcessId;
                AssemblyReloadEvents.StubReload();
                Assert.That(NativeCore.LiveObjects, Is.EqualTo(0));
                // What the new domain does first.
                typeof(EditorBackend).GetMethod("GoOn", System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic)!
                    .Invoke(null, null);
                var world = Scene.Make<DreamportWorld>("world");
                world.Address = settings.Address;
                Scene.Send(world, "OnEnable");
                Wait.Until(() => world.HasFrame && EditorBackend.Launcher!.Phase == BackendPhase.Ready, () =>
                {
                    EditorApplication.update();
                    Scene.Send(world, "Update");
                }, () => $"{EditorBackend.Launcher!.Message} {world.Message}", 60);
                Assert.That(EditorBackend.Launcher!.ProcessId, Is.EqualTo(process), "the one that was started");
                Assert.That(EditorBackend.Launcher.Line!.Executor.Name, Is.Not.Empty);
                Scene.Send(world, "OnDisable");
            }
            finally
            {
                EditorBackend.Stop();
                settings.StartWithPlay = false;
                settings.Address = "";
            }
        }

        [Test]
        public void ACommandThatEndsOrIsNotThereIsExplained()
        {
            var settings = new LauncherSettings
            {
                Endpoint = new EndpointSettings { Address = $"127.0.0.1:{Backend.FreePort()}" },
                Command = "/not/there",
                SearchPath = "",
            };
            using (var launcher = new BackendLauncher(settings))
            {
                launcher.Ensure();
                Wait.Until(() => !launcher.IsBusy, launcher.Update, () => launcher.Message);
                Assert.That(launcher.Phase, Is.EqualTo(BackendPhase.Failed));
                Assert.That(launcher.Message, Does.Contain("/not/there").And.Contain("Project Settings"));
            }
            settings.Command = Backend.Python;
            settings.World = "no such world";
            using (var launcher = new BackendLauncher(settings))
            {
                launcher.Ensure();
                Wait.Until(() => !launcher.IsBusy, launcher.Update, () => launcher.Message);
                Assert.That(launcher.Phase, Is.EqualTo(BackendPhase.Failed));
                Assert.That(launcher.Message, Does.Contain("ended before it was ready"));
            }
        }

        [Test]
        public void TheLevelsStartIsPutWhereTheWorldStands()
        {
            using (var backend = Backend.Serve("--port", "0"))
            {
                var camera = Scene.Make<Camera>("camera");
                Camera.main = camera;
                camera.transform.SetPositionAndRotation(new Vector3(5f, 1.6f, -3f), Quaternion.Euler(0f, 40f, 0f));
                var world = Scene.Make<DreamportWorld>("world");
                world.transform.SetPositionAndRotation(camera.transform.position, camera.transform.rotation);
                world.Address = backend.Address;
                world.StartAtTransform = true;
                world.Input = InputMode.CameraPose;
                Scene.Send(world, "OnEnable");
                var frames = 0;
                world.FrameShown += shown =>
                {
                    // The first frame is the start; the world then walks on until it hears the camera.
                    if (frames > 0 && shown.Session!.Frame.AppliedCamera == 0)
                        return;
                    frames++;
                    // Where the camera stands, looking its way.
                    var pose = shown.FrameCameraPose;
                    Assert.That((pose.position - camera.transform.position).magnitude, Is.LessThan(1e-3f));
                    Assert.That(pose.rotation.eulerAngles.y, Is.EqualTo(40f).Within(0.05f));
                };
                Wait.Until(() => frames >= 10, () => Scene.Send(world, "Update"),
                    () => $"{world.State}: {world.Message}");
                Scene.Send(world, "OnDisable");
            }
        }

        [Test]
        public void TheRecorderComponentWritesAnEpisode()
        {
            const int frames = 60;
            using (var backend = Backend.Serve("--port", "0", "--captures", Captures))
            {
                var camera = Scene.Make<Camera>("camera");
                Camera.main = camera;
                var recorder = Scene.Make<DreamportRecorder>("recorder");
                recorder.Address = backend.Address;
                recorder.Dataset = "unity-test";
                Scene.Set(recorder, "_width", 64);
                Scene.Set(recorder, "_height", 48);
                var finished = -1;
                recorder.EpisodeFinished += (_, _, count) => finished = count;
                Scene.Send(recorder, "OnEnable");
                recorder.Begin();
                Assert.That(recorder.IsRecording, Is.True, recorder.Message);
                var pass = (CapturePass)Scene.Get(recorder, "_pass")!;
                for (var i = 0; i < frames; i++)
                {
                    Render(recorder, camera, pass, i);
                    Wait.Until(() => recorder.Statistics.Pressure < 0.7f, () => Scene.Send(recorder, "Update"), () => recorder.Message);
                }
                Assert.That(recorder.Dropped, Is.EqualTo(0));
                recorder.Mark("note", "the end");
                recorder.Finish();
                Wait.Until(() => finished >= 0, () => Scene.Send(recorder, "Update"), () => $"{recorder.State}: {recorder.Message}");
                Assert.That(finished, Is.EqualTo(frames));
                Assert.That(recorder.Statistics.Acknowledged, Is.EqualTo(frames));
                Assert.That(recorder.Warning, Is.Empty);
                Scene.Send(recorder, "OnDisable");
                Assert.That(AtomicSafetyHandle.StubLive, Is.EqualTo(0));
            }
        }

        [Test]
        public void ARecordingGoesOnInAnotherEpisodeAfterABackendThatDied()
        {
            var port = Backend.FreePort().ToString(System.Globalization.CultureInfo.InvariantCulture);
            var first = Backend.Serve("--port", port, "--captures", Captures);
            using (first)
            {
                var camera = Scene.Make<Camera>("camera");
                Camera.main = camera;
                var recorder = Scene.Make<DreamportRecorder>("recorder");
                recorder.Address = first.Address;
                recorder.Dataset = "unity-broken";
                Scene.Set(recorder, "_width", 64);
                Scene.Set(recorder, "_height", 48);
                var finished = -1;
                recorder.EpisodeFinished += (_, _, count) => finished = count;
                Scene.Send(recorder, "OnEnable");
                recorder.Begin();
                var pass = (CapturePass)Scene.Get(recorder, "_pass")!;
                Render(recorder, camera, pass, 0);
                Wait.Until(() => recorder.Statistics.Acknowledged == 1, () => Scene.Send(recorder, "Update"), () => recorder.Message);
                first.Kill();
                Wait.Until(() => recorder.State == ConnectionState.Waiting, () => Scene.Send(recorder, "Update"), () => recorder.Message);
                Render(recorder, camera, pass, 1);
                Assert.That(recorder.Dropped, Is.EqualTo(0), "no frame is asked for while there is no episode");
                using (Backend.Serve("--port", port, "--captures", Captures))
                {
                    Wait.Until(() => recorder.Statistics.EpisodeOpen != 0, () => Scene.Send(recorder, "Update"),
                        () => $"{recorder.State}: {recorder.Message}");
                    for (var i = 2; i < 5; i++)
                        Render(recorder, camera, pass, i);
                    recorder.Finish();
                    Wait.Until(() => finished >= 0, () => Scene.Send(recorder, "Update"), () => $"{recorder.State}: {recorder.Message}");
                    Assert.That(finished, Is.EqualTo(3));
                    Assert.That(Debug.StubWarnings, Has.Some.Contain("another one begins"));
                    Scene.Send(recorder, "OnDisable");
                }
            }
        }

        [Test]
        public void ARecordingOfBlackPicturesSaysSo()
        {
            using (var backend = Backend.Serve("--port", "0", "--captures", Captures))
            {
                var camera = Scene.Make<Camera>("camera");
                Camera.main = camera;
                var recorder = Scene.Make<DreamportRecorder>("recorder");
                recorder.Address = backend.Address;
                Scene.Set(recorder, "_width", 64);
                Scene.Set(recorder, "_height", 48);
                Scene.Send(recorder, "OnEnable");
                recorder.Begin();
                var pass = (CapturePass)Scene.Get(recorder, "_pass")!;
                for (var i = 0; i < PictureWatch.Patience + 2; i++)
                {
                    Render(recorder, camera, pass, -1);
                    Wait.Until(() => recorder.Statistics.Pressure < 0.7f, () => Scene.Send(recorder, "Update"), () => recorder.Message);
                }
                Assert.That(recorder.Warning, Does.Contain("black"));
                Assert.That(Debug.StubWarnings, Has.Some.Contain("black"));
                recorder.Finish(discard: true);
                Scene.Send(recorder, "OnDisable");
            }
        }

        /// <summary>One engine frame at 30 fps: a picture whose red tells its number, one metre away; black when negative.</summary>
        static void Render(DreamportRecorder recorder, Camera camera, CapturePass pass, int number)
        {
            Time.timeAsDouble += 1.0 / 30 + 1e-6;
            camera.transform.position = new Vector3(0.01f * number, 1.6f, 0f);
            var colour = new byte[64 * 48 * 4];
            var depth = new byte[64 * 48 * 2];
            for (var i = 0; i < 64 * 48; i++)
            {
                colour[4 * i] = number < 0 ? (byte)0 : (byte)(4 * number);
                colour[4 * i + 1] = number < 0 ? (byte)0 : (byte)100;
                colour[4 * i + 3] = 255;
                // 6553 or 6554: a tenth of a metre over one metre.
                depth[2 * i] = 0x9A;
                depth[2 * i + 1] = 0x19;
            }
            pass.Colour!.StubBytes = colour;
            pass.Depth!.StubBytes = depth;
            Scene.Send(recorder, "Update");
            RenderPipelineManager.StubRender(camera);
            AsyncGPUReadback.WaitAllRequests();
            Scene.Send(recorder, "Update");
        }

        /// <summary>Where pytest looks for the recordings.</summary>
        static string Captures => Environment.GetEnvironmentVariable("DREAMPORT_CAPTURES") ??
            throw new InvalidOperationException("DREAMPORT_CAPTURES names no folder");

        /// <summary>The `dreamport` command beside the interpreter.</summary>
        static string Command() => Path.Combine(Path.GetDirectoryName(Backend.Python)!, "dreamport");
    }
}
