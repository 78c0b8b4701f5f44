#nullable enable
using System;
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;

namespace Dreamport.Tests
{
    /// <summary>The native library as the package sees it. Needs the library, no backend.</summary>
    public unsafe sealed class NativeTests
    {
        [Test]
        public void TheLibraryFitsThisPackage()
        {
            Assert.That(NativeCore.Problem, Is.EqualTo(""));
            Assert.That(NativeCore.Version, Does.Match(@"^\d+\.\d+\.\d+$"));
        }

        [Test]
        public void EveryStructAndFieldIsWhereTheLibraryHasIt()
        {
            Assert.That(LayoutCheck.Fields(), Is.EqualTo(""));
            Assert.That(NativeMethods.dp_layout_count(), Is.GreaterThan((uint)LayoutCheck.StructNames.Count * 3));
        }

        [Test]
        public void TextThatDoesNotFitIsRefusedAndNeverCut()
        {
            var endpoint = new EndpointSettings { Token = new string('x', 256) };
            var error = Assert.Throws<ArgumentException>(() =>
            {
                DpEndpoint target;
                endpoint.Write(&target);
            });
            Assert.That(error!.Message, Does.Contain("token").And.Not.Contain("xxx"));
        }

        [Test]
        public void PosesRoundTripThroughTheLevel()
        {
            var anchor = Pose(1, 2, 3, 0.1, 0.7, -0.2);
            var camera = Pose(-4, 5, 0.5, -0.3, 1.9, 0.4);
            var level = LevelAxes.FromEngine(anchor, 2.5, camera);
            var back = LevelAxes.ToEngine(anchor, 2.5, level);
            for (var i = 0; i < 3; i++)
                Assert.That(back.Position[i], Is.EqualTo(camera.Position[i]).Within(1e-9));
            var dot = 0.0;
            for (var i = 0; i < 4; i++)
                dot += back.Rotation[i] * camera.Rotation[i];
            Assert.That(Math.Abs(dot), Is.EqualTo(1).Within(1e-9));
        }

        [Test]
        public void UnitysUpIsTheLevelsMinusY()
        {
            var level = LevelAxes.FromEngine(Pose(0, 0, 0, 0, 0, 0), 1, Pose(1, 2, 3, 0, 0, 0));
            Assert.That(level.Position[0], Is.EqualTo(1).Within(1e-12));
            Assert.That(level.Position[1], Is.EqualTo(-2).Within(1e-12));
            Assert.That(level.Position[2], Is.EqualTo(3).Within(1e-12));
        }

        [Test]
        public void APathAsksTheSceneAndStaysInItsBox()
        {
            var space = new Room();
            var options = Options();
            var poses = PathSampler.Sample(options, space);
            Assert.That(poses.Length, Is.EqualTo(200));
            Assert.That(space.Sweeps, Is.GreaterThan(0));
            foreach (var pose in poses)
            {
                Assert.That(pose.Position[0], Is.InRange(-5.0, 5.0));
                Assert.That(pose.Position[2], Is.InRange(-5.0, 5.0));
            }
        }

        [Test]
        public void ASceneThatThrowsDoesNotReachNativeCode()
        {
            var error = Assert.Throws<NativeException>(() => PathSampler.Sample(Options(), new Broken()));
            Assert.That(error!.Message, Does.Contain("not free"));
        }

        static DpPathOptions Options()
        {
            var options = new DpPathOptions
            {
                Kind = (uint)PathKind.Waypoints,
                Seed = 3,
                Frames = 200,
                FrameRate = 20,
                SpeedMS = 1,
                TurnDegS = 90,
                RadiusM = 0.3,
                EyeHeightM = 1.6,
            };
            for (var i = 0; i < 3; i++)
            {
                options.Minimum[i] = -5;
                options.Maximum[i] = 5;
            }
            return options;
        }

        static DpEnginePose Pose(double x, double y, double z, double pitch, double yaw, double roll)
        {
            var pose = new DpEnginePose();
            pose.Position[0] = x;
            pose.Position[1] = y;
            pose.Position[2] = z;
            double a = Math.Cos(pitch / 2), b = Math.Sin(pitch / 2), c = Math.Cos(yaw / 2), d = Math.Sin(yaw / 2), e = Math.Cos(roll / 2),
                f = Math.Sin(roll / 2);
            pose.Rotation[0] = b * c * e + a * d * f;
            pose.Rotation[1] = a * d * e - b * c * f;
            pose.Rotation[2] = a * c * f - b * d * e;
            pose.Rotation[3] = a * c * e + b * d * f;
            return pose;
        }

        sealed class Room : IPathSpace
        {
            public int Sweeps;

            public double Sweep(double* from, double* to, double radiusMetres)
            {
                Sweeps++;
                return 1;
            }

            public bool Ground(double* at, out double y)
            {
                y = 1.6;
                return true;
            }
        }

        sealed class Broken : IPathSpace
        {
            public double Sweep(double* from, double* to, double radiusMetres) => throw new InvalidOperationException("no scene");

            public bool Ground(double* at, out double y) => throw new InvalidOperationException("no scene");
        }
    }
}
