#nullable enable
using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Dreamport.Editor;
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;
using UnityEditor;
using UnityEngine;
using UnityEngine.InputSystem;
using UnityEngine.Rendering;
using UnityEngine.Rendering.RenderGraphModule;
using UnityEngine.Rendering.Universal;

namespace Dreamport.Live
{
    /// <summary>The components on stubs of the engine, against a real server through the real native library.</summary>
    public sealed unsafe class ComponentTests
    {
        [SetUp]
        public void EmptyScene()
        {
            Scene.Clear();
            // What a failed test left must not fail the next one.
            Scene.BeginPlay();
        }

        [TearDown]
        public void NothingIsLeft() => Assert.That(NativeCore.LiveObjects, Is.EqualTo(0));

        [TestCase(GraphicsDeviceType.Direct3D11)]
        [TestCase(GraphicsDeviceType.Vulkan)]
        public void TheTexturesHoldTheFrameWhosePoseIsTold(GraphicsDeviceType device)
        {
            Scene.Clear(device);
            using (var backend = Backend.Pattern(100))
            {
                var world = Open(backend);
                for (var i = 0; i < 20; i++)
                {
                    NextFrame(world);
                    ref readonly var frame = ref world.Session!.Frame;
                    var colour = new Span<byte>(frame.Colour, world.ColourTexture!.StubBytes.Length);
                    var depth = new Span<byte>(frame.Depth, world.DepthTexture!.StubBytes.Length);
                    Assert.That(colour.SequenceEqual(world.ColourTexture.StubBytes), "colour of the frame that the pose belongs to");
                    Assert.That(depth.SequenceEqual(world.DepthTexture.StubBytes), "depth of the frame that the pose belongs to");
                }
                Assert.That(world.ColourTexture!.StubLinear, Is.False, "colour is sRGB");
                Assert.That(world.DepthTexture!.StubLinear, Is.True, "depth is data");
                Assert.That(world.ColourTexture.StubApplied > 0, Is.EqualTo(device == GraphicsDeviceType.Vulkan));
                Close(world);
            }
        }

        [TestCase(GraphicsDeviceType.Direct3D11, 10_000)]
        [TestCase(GraphicsDeviceType.Vulkan, 1_000)]
        public void TenThousandFramesMakeNoGarbage(GraphicsDeviceType device, int frames)
        {
            Scene.Clear(device);
            var keyboard = new Keyboard();
            var mouse = new Mouse();
            Keyboard.current = keyboard;
            Mouse.current = mouse;
            Cursor.lockState = CursorLockMode.Locked;
            mouse.delta.StubValue = new Vector2(0.1f, 0f);
            using (var backend = Backend.Pattern(600))
            {
                var world = Open(backend);
                for (var i = 0; i < 300; i++)
                    NextFrame(world);
                var session = world.Session!;
                var buffersBefore = session.Statistics.Allocations;
                var target = session.FramesTaken + frames;
                var clock = Stopwatch.StartNew();
                var updates = 0L;
                var garbage = 0L;
                var worst = 0L;
                while (session.FramesTaken < target && clock.ElapsedMilliseconds < 200_000)
                {
                    keyboard[Key.W].isPressed = (updates & 64) != 0;
                    var before = GC.GetAllocatedBytesForCurrentThread();
                    Scene.Send(world, "Update");
                    var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                    garbage += allocated;
                    worst = Math.Max(worst, allocated);
                    updates++;
                    Thread.Sleep(1);
                }
                var taken = frames - Math.Max(0, target - session.FramesTaken);
                TestContext.WriteLine($"GARBAGE {device} frames={taken} updates={updates} bytes={garbage} worst={worst} " +
                    $"fps={taken / clock.Elapsed.TotalSeconds:F0} native_buffers={session.Statistics.Allocations - buffersBefore}");
                Assert.That(session.FramesTaken, Is.GreaterThanOrEqualTo(target), session.Message);
                Assert.That(garbage, Is.EqualTo(0), "bytes allocated by the frame path");
                Assert.That(session.Statistics.Allocations, Is.EqualTo(buffersBefore), "buffers allocated by the native library");
                Close(world);
            }
        }

        [Test]
        public void TwoHundredPlaysLeaveNothing()
        {
            RuntimeHelpers.RunClassConstructor(typeof(EditorBackend).TypeHandle);
            DreamportProjectSettings.instance.StartWithPlay = false;
            var port = Backend.FreePort();
            var backend = Backend.Pattern(200, port);
            var played = 0;
            for (var i = 0; i < 200; i++)
            {
                // Every fortieth play loses its backend in the middle; the one after it has none at first.
                if (i % 40 == 20)
                    backend.Kill();
                if (i % 40 == 22)
                    backend = Backend.Pattern(200, port);
                EditorApplication.StubPlayMode(PlayModeStateChange.ExitingEditMode);
                Scene.BeginPlay();
                EditorApplication.StubPlayMode(PlayModeStateChange.EnteredPlayMode);
                var world = Scene.Make<DreamportWorld>();
                world.Address = $"127.0.0.1:{port}";
                Scene.Send(world, "OnEnable");
                var alive = i % 40 != 20 && i % 40 != 21;
                if (i % 5 == 0 && alive)
                {
                    NextFrame(world);
                    played++;
                }
                else
                {
                    for (var update = 0; update < 3; update++)
                        Scene.Send(world, "Update");
                }
                if (i % 3 == 1)
                {
                    // Scripts are compiled in the middle of play: everything native goes, then play goes on.
                    AssemblyReloadEvents.StubReload();
                    Assert.That(NativeCore.LiveObjects, Is.EqualTo(0), "before the scripts are reloaded");
                    Scene.Send(world, "OnDisable");
                    Scene.Send(world, "OnEnable");
                    Scene.Send(world, "Update");
                }
                EditorApplication.StubPlayMode(PlayModeStateChange.ExitingPlayMode);
                // Every seventh Stop without OnDisable: a component that threw, or a play that ended badly.
                if (i % 7 != 6)
                    Scene.Send(world, "OnDisable");
                EditorApplication.StubPlayMode(PlayModeStateChange.EnteredEditMode);
                Assert.That(NativeCore.LiveObjects, Is.EqualTo(0), $"after play {i}");
            }
            Scene.BeginPlay();
            Assert.That(DreamportWorld.Active, Is.Empty);
            Assert.That(played, Is.GreaterThan(30));
            backend.Dispose();
        }

        [Test]
        public void AReloadInPlayModeGoesOnWithTheSameSession()
        {
            using (var backend = Backend.Pattern(100))
            {
                var world = Open(backend);
                NextFrame(world);
                var number = world.Session!.Format.Seed;
                var index = world.Session.Frame.Index;
                DreamportWorld.DetachForReload();
                Assert.That((string)Scene.Get(world, "_reloadToken")!, Is.Not.Empty);
                Scene.Send(world, "OnDisable");
                Scene.Send(world, "OnEnable");
                Assert.That((string)Scene.Get(world, "_reloadToken")!, Is.Empty, "the secret is gone once it was used");
                NextFrame(world);
                Assert.That(world.Session!.Format.Seed, Is.EqualTo(number));
                Assert.That(world.Session.Frame.Index, Is.GreaterThanOrEqualTo(index));
                Close(world);
            }
        }

        [Test]
        public void AScreenGetsTheFrameAndGivesItsMaterialBack()
        {
            using (var backend = Backend.Pattern(100))
            {
                var world = Open(backend);
                NextFrame(world);
                var quad = GameObject.CreatePrimitive(PrimitiveType.Quad);
                var material = new Material(Shader.Find("own"));
                var renderer = quad.GetComponent<Renderer>();
                renderer.sharedMaterial = material;
                var screen = quad.AddComponent<DreamportScreen>();
                Scene.Send(screen, "OnEnable");
                Scene.Send(screen, "LateUpdate");
                Assert.That(screen.World, Is.SameAs(world), "the first world of the scene");
                Assert.That(renderer.sharedMaterial.shader.name, Is.EqualTo("Dreamport/Screen"));
                Assert.That(renderer.StubBlock.StubTextures[Shader.PropertyToID("_DreamportColour")], Is.SameAs(world.ColourTexture));
                Assert.That(renderer.StubBlock.StubVectors[Shader.PropertyToID("_DreamportIntrinsics")].x, Is.EqualTo(80f));
                Assert.That(renderer.StubBlock.StubVectors[Shader.PropertyToID("_DreamportSize")].z, Is.EqualTo(0.25f));
                Scene.Send(screen, "OnDisable");
                Assert.That(renderer.sharedMaterial, Is.SameAs(material));
                Close(world);
            }
        }

        [Test]
        public void TheCompositeRecordsOnePassAndOnlyWithAFrame()
        {
            var feature = ScriptableObject.CreateInstance<DreamportCompositeFeature>();
            feature.Create();
            var camera = Scene.Make<Camera>("camera");
            var data = new RenderingData { cameraData = new CameraData { cameraType = CameraType.Game, camera = camera } };
            var renderer = new StubRenderer();
            feature.AddRenderPasses(renderer, ref data);
            Assert.That(renderer.StubPasses, Is.Empty, "no world");
            using (var backend = Backend.Pattern(100))
            {
                var world = Open(backend);
                NextFrame(world);
                feature.AddRenderPasses(renderer, ref data);
                Assert.That(renderer.StubPasses.Count, Is.EqualTo(1));
                Assert.That(renderer.StubPasses[0].StubInput, Is.EqualTo(ScriptableRenderPassInput.Depth));
                Assert.That(renderer.StubPasses[0].requiresIntermediateTexture, Is.True);
                var resources = new UniversalResourceData
                {
                    activeColorTexture = new TextureHandle { StubId = 1 },
                    cameraDepthTexture = new TextureHandle { StubId = 2 },
                };
                var frame = new ContextContainer();
                frame.StubItems[typeof(UniversalResourceData)] = resources;
                frame.StubItems[typeof(UniversalCameraData)] = new UniversalCameraData { camera = camera };
                var graph = new RenderGraph();
                renderer.StubPasses[0].RecordRenderGraph(graph, frame);
                Assert.That(graph.StubPasses, Is.EqualTo(new[] { "Dreamport Composite" }));
                Assert.That(resources.cameraColor.IsValid(), "what comes after sees the composite");
                data.cameraData.cameraType = CameraType.SceneView;
                feature.AddRenderPasses(renderer, ref data);
                Assert.That(renderer.StubPasses.Count, Is.EqualTo(1), "the scene view is left alone");
                Close(world);
            }
            feature.Dispose();
        }

        [Test]
        public void TheInspectorAndTheWindowSayWhatIsKnown()
        {
            using (var backend = Backend.Pattern(100))
            {
                var world = Open(backend);
                NextFrame(world);
                Wait.Until(() => world.Statistics.Fps > 0, () => Scene.Send(world, "Update"), () => world.Message);
                EditorGUILayout.StubTexts.Clear();
                new DreamportWorldEditor { target = world }.OnInspectorGUI();
                var text = string.Join("\n", EditorGUILayout.StubTexts);
                Assert.That(text, Does.Contain("Moving pattern").And.Contain("pattern on CPU").And.Contain("fps received"));
                Scene.Send(new BackendWindow(), "OnGUI");
                EditorBackend.CopyDiagnostics();
                Assert.That(EditorGUIUtility.systemCopyBuffer, Does.Contain("world: pattern").And.Contain("6000.0.0stub"));
                Close(world);
            }
        }

        static DreamportWorld Open(Backend backend)
        {
            var world = Scene.Make<DreamportWorld>("world");
            world.Address = backend.Address;
            Scene.Send(world, "OnEnable");
            return world;
        }

        static void NextFrame(DreamportWorld world)
        {
            var before = world.Session?.FramesTaken ?? 0;
            Wait.Until(() => world.Session != null && world.Session.FramesTaken > before, () => Scene.Send(world, "Update"),
                () => $"{world.State}: {world.Message}");
        }

        static void Close(DreamportWorld world) => Scene.Send(world, "OnDisable");
    }
}
