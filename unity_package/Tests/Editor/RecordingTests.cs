#nullable enable
using System;
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;

namespace Dreamport.Tests
{
    /// <summary>A recording must not lie: black and frozen pictures, look angles, latency memory.</summary>
    public unsafe sealed class RecordingTests
    {
        const int Width = 48, Height = 32;

        [Test]
        public void BlackPicturesAreNoticed()
        {
            var watch = new PictureWatch();
            var picture = new byte[Width * Height * 4];
            Look(watch, picture, PictureWatch.Patience - 1, true);
            Assert.That(watch.Problem, Is.EqualTo(PictureProblem.None), "one black frame is no problem");
            Look(watch, picture, 1, true);
            Assert.That(watch.Problem, Is.EqualTo(PictureProblem.Black));
            Assert.That(watch.Message, Does.Contain("black"));
            for (var i = 0; i < picture.Length; i++)
                picture[i] = 90;
            Look(watch, picture, 1, true);
            Assert.That(watch.Problem, Is.EqualTo(PictureProblem.None));
        }

        [Test]
        public void FrozenPicturesAreNoticedOnlyWhileTheCameraMoves()
        {
            var watch = new PictureWatch();
            var picture = new byte[Width * Height * 4];
            for (var i = 0; i < picture.Length; i++)
                picture[i] = (byte)(i * 7);
            Look(watch, picture, 100, false);
            Assert.That(watch.Problem, Is.EqualTo(PictureProblem.None), "a camera at rest sees the same");
            Look(watch, picture, PictureWatch.Patience, true);
            Assert.That(watch.Problem, Is.EqualTo(PictureProblem.Frozen));
            for (var i = 0; i < picture.Length; i++)
                picture[i] = (byte)(i * 5 + 1);
            Look(watch, picture, 1, true);
            Assert.That(watch.Problem, Is.EqualTo(PictureProblem.None));
        }

        [TestCase(0, 90, 90)]
        [TestCase(170, -170, 20)]
        [TestCase(-170, 170, -20)]
        [TestCase(10, 0, -10)]
        public void LookAnglesAreTheShorterWayRound(double from, double to, double expected)
        {
            LookAngles.Between(Turned(from), Turned(to), out var yaw, out var pitch);
            Assert.That(yaw, Is.EqualTo(expected).Within(1e-4));
            Assert.That(pitch, Is.EqualTo(0).Within(1e-4));
        }

        [Test]
        public void TheHistoryKeepsTheLastSamples()
        {
            var history = new LatencyHistory(3);
            for (var i = 1; i <= 5; i++)
                history.Add(i, 10 * i, 100 * i);
            Assert.That(history.Count, Is.EqualTo(3));
            Assert.That(history.Median(0), Is.EqualTo(3));
            Assert.That(history.Late(2), Is.EqualTo(50));
            Assert.That(history.Largest(), Is.EqualTo(500));
            Assert.Throws<ArgumentOutOfRangeException>(() => history.Median(3));
        }

        static void Look(PictureWatch watch, byte[] picture, int times, bool moved)
        {
            fixed (byte* colour = picture)
                for (var i = 0; i < times; i++)
                    watch.Look(colour, Width, Height, Width * 4, moved);
        }

        /// <summary>A camera turned right: in level axes (y down) a positive turn around y.</summary>
        static DpPose Turned(double degrees)
        {
            var pose = new DpPose();
            pose.Orientation[1] = Math.Sin(degrees * Math.PI / 360);
            pose.Orientation[3] = Math.Cos(degrees * Math.PI / 360);
            return pose;
        }
    }
}
