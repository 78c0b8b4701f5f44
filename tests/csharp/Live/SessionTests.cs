#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;

namespace Dreamport.Live
{
    /// <summary>The engine-free session against a real server.</summary>
    public sealed class SessionTests
    {
        [TearDown]
        public void NothingIsLeft() => Assert.That(NativeCore.LiveObjects, Is.EqualTo(0));

        [Test]
        public void AWorldOpensAndItsFramesCome()
        {
            using (var backend = Backend.Pattern(100))
            using (var session = new WorldSession(Settings(backend)))
            {
                var opened = 0;
                session.Opened += _ => opened++;
                Frames(session, 5);
                Assert.That(opened, Is.EqualTo(1));
                Assert.That(session.State, Is.EqualTo(ConnectionState.Ready));
                Assert.That(session.World!.Name, Is.EqualTo("pattern"));
                Assert.That(session.World.Buttons[0].Keys, Is.EqualTo(new[] { "KeyW" }));
                Assert.That(session.World.ButtonBit("FORWARD"), Is.EqualTo(0));
                Assert.That(session.Executor!.Name, Is.EqualTo("pattern"));
                Assert.That(session.Format.Width, Is.EqualTo(160));
                Assert.That(session.Frame.Intrinsics.Fx, Is.EqualTo(80));
                Assert.That(session.Frame.DepthNearM, Is.EqualTo(0.25));
            }
        }

        [Test]
        public void EveryPressAndEveryDegreeIsAppliedExactlyOnce()
        {
            // A frame that this process had no time to take hides what it applied: then once more.
            using (var backend = Backend.Pattern(40))
                for (var attempt = 0; attempt < 4; attempt++)
                    if (PressAndTurn(backend))
                        return;
            Assert.Fail("this machine is too busy to take 40 frames a second");
        }

        /// <summary>False when a frame was missed; then only "not more than once" was checked.</summary>
        static bool PressAndTurn(Backend backend)
        {
            const int presses = 25;
            using (var session = new WorldSession(Settings(backend)))
            {
                Frames(session, 3);
                var random = new Random(4);
                double asked = 0, applied = 0;
                var seen = 0;
                var held = false;
                var lastId = session.Frame.Id;
                var missed = 0ul;
                void Hear()
                {
                    if (!session.Update())
                        return;
                    missed += session.Frame.Id - lastId - 1;
                    lastId = session.Frame.Id;
                    applied += session.Frame.AppliedYawDeg;
                    var down = (session.Frame.AppliedButtons & 1) != 0;
                    if (down && !held)
                        seen++;
                    held = down;
                }
                void Take(int frames)
                {
                    var target = session.FramesTaken + frames;
                    Wait.Until(() => session.FramesTaken >= target, Hear, () => session.Message);
                }
                for (var i = 0; i < presses; i++)
                {
                    var yaw = (float)(random.NextDouble() * 8 - 4);
                    session.Controls.Look(yaw, 0);
                    asked += yaw;
                    session.Controls.Press(0);
                    // Three frames later the press is over: the next one counts for itself.
                    Take(3);
                }
                Take(10);
                Assert.That(seen, Is.LessThanOrEqualTo(presses), "no press twice");
                if (missed > 0)
                    return false;
                Assert.That(seen, Is.EqualTo(presses));
                Assert.That(applied, Is.EqualTo(asked).Within(1e-2));
                return true;
            }
        }

        [Test]
        public void ABackendThatIsKilledAndStartedAgainIsFoundAgain()
        {
            var port = Backend.FreePort();
            var backend = Backend.Pattern(60, port);
            var states = new List<ConnectionState>();
            using (var session = new WorldSession(Settings(backend)))
            {
                session.StateChanged += changed => states.Add(changed.State);
                Frames(session, 3);
                var first = session.Format.SessionNumber;
                backend.Dispose();
                Wait.Until(() => session.State == ConnectionState.Waiting, () => session.Update(), () => session.Message);
                Assert.That(session.Message, Is.Not.Empty);
                Assert.That(session.HasFrame, Is.True, "the last frame stays on the screen");
                using (Backend.Pattern(60, port))
                {
                    session.RetryNow();
                    Wait.Until(() => session.State == ConnectionState.Ready, () => session.Update(), () => session.Message);
                    Frames(session, 3);
                    Assert.That(session.Format.SessionNumber, Is.GreaterThan(first));
                    Assert.That(session.RestartedCount, Is.EqualTo(1));
                }
            }
            Assert.That(states, Does.Contain(ConnectionState.Waiting).And.Contain(ConnectionState.Ready));
        }

        [Test]
        public void ADetachedSessionGoesOn()
        {
            using (var backend = Backend.Pattern(60))
            {
                string token, id;
                ulong index;
                using (var session = new WorldSession(Settings(backend)))
                {
                    Frames(session, 5);
                    index = session.Frame.Index;
                    id = Id(session);
                    token = session.Detach();
                }
                Assert.That(token, Is.Not.Empty);
                using (var session = new WorldSession(Settings(backend), token))
                {
                    Frames(session, 2);
                    Assert.That(Id(session), Is.EqualTo(id));
                    Assert.That(session.Frame.Index, Is.GreaterThanOrEqualTo(index));
                }
            }
        }

        [Test]
        public void NoBackendIsAStateThatSaysWhatToDo()
        {
            var settings = new SessionSettings();
            settings.Endpoint.Address = $"127.0.0.1:{Backend.FreePort()}";
            using (var session = new WorldSession(settings))
            {
                Wait.Until(() => session.State == ConnectionState.Waiting, () => session.Update(), () => session.State.ToString());
                Assert.That(session.Problem, Is.EqualTo(ConnectionProblem.BackendAbsent));
                Assert.That(session.Message, Does.Contain("dreamport serve"));
                Assert.That(session.SecondsToNextAttempt, Is.GreaterThanOrEqualTo(0));
            }
        }

        [Test]
        public void AQuestionIsAnsweredOrSaysWhyNot()
        {
            using (var backend = Backend.Pattern(60))
            using (var query = new BackendQuery(new EndpointSettings { Address = backend.Address }))
            {
                Wait.Until(query.Update, () => { }, () => "no answer");
                Assert.That(query.Succeeded, Is.True, query.Message);
                Assert.That(query.Worlds[0].Title, Is.EqualTo("Moving pattern"));
            }
            using (var query = new BackendQuery(new EndpointSettings { Address = $"127.0.0.1:{Backend.FreePort()}" }))
            {
                Wait.Until(query.Update, () => { }, () => "no answer");
                Assert.That(query.Succeeded, Is.False);
                Assert.That(query.Problem, Is.EqualTo(ConnectionProblem.BackendAbsent));
            }
        }

        static unsafe string Id(WorldSession session)
        {
            fixed (DpFrameFormat* format = &session.Format)
                return Utf8.Read(format->SessionId, 64);
        }

        static void Frames(WorldSession session, int count)
        {
            var target = session.FramesTaken + count;
            Wait.Until(() => session.FramesTaken >= target, () => session.Update(), () => $"{session.State}: {session.Message}");
        }

        static SessionSettings Settings(Backend backend)
        {
            var settings = new SessionSettings();
            settings.Endpoint.Address = backend.Address;
            return settings;
        }
    }
}
