#nullable enable
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEngine;

namespace Dreamport
{
    /// <summary>Answers the path sampler with the scene's colliders.</summary>
    sealed unsafe class ScenePathSpace : IPathSpace
    {
        readonly DpEnginePose _anchor;
        readonly float _unitsPerMetre;
        readonly LayerMask _layers;
        readonly float _farthestGround;

        /// <summary>Colliders of <paramref name="layers"/> count; the floor is searched this many scene units down.</summary>
        public ScenePathSpace(Transform anchor, float unitsPerMetre, LayerMask layers, float farthestGround)
        {
            _anchor = Axes.FromTransform(anchor);
            _unitsPerMetre = unitsPerMetre;
            _layers = layers;
            _farthestGround = farthestGround;
        }

        public double Sweep(double* from, double* to, double radiusMetres)
        {
            var origin = ToScene(from);
            var way = ToScene(to) - origin;
            var length = way.magnitude;
            var radius = (float)radiusMetres * _unitsPerMetre;
            if (Physics.CheckSphere(origin, radius, _layers, QueryTriggerInteraction.Ignore))
                return 0;
            if (length < 1e-6f)
                return 1;
            return Physics.SphereCast(origin, radius, way / length, out var hit, length, _layers, QueryTriggerInteraction.Ignore)
                ? hit.distance / length : 1;
        }

        public bool Ground(double* at, out double y)
        {
            y = 0;
            var origin = ToScene(at);
            var down = DirectionToScene(0, 1, 0).normalized;
            if (!Physics.Raycast(origin, down, out var hit, _farthestGround, _layers, QueryTriggerInteraction.Ignore))
                return false;
            var point = stackalloc double[3] { hit.point.x, hit.point.y, hit.point.z };
            var level = stackalloc double[3];
            LevelAxes.PointFromEngine(_anchor, _unitsPerMetre, point, 1, level);
            y = level[1];
            return true;
        }

        Vector3 ToScene(double* level)
        {
            var point = stackalloc double[3];
            LevelAxes.PointToEngine(_anchor, _unitsPerMetre, level, 1, point);
            return new Vector3((float)point[0], (float)point[1], (float)point[2]);
        }

        Vector3 DirectionToScene(double x, double y, double z)
        {
            var level = stackalloc double[3] { x, y, z };
            var point = stackalloc double[3];
            LevelAxes.PointToEngine(_anchor, _unitsPerMetre, level, 0, point);
            return new Vector3((float)point[0], (float)point[1], (float)point[2]);
        }
    }
}
